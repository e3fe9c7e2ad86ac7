module kubeopt.dev/tests/servers/source-controller

go 1.26.0

// Only the custom resource definitions of this module are used: the tests'
// harness stands in for the controller itself.
require github.com/fluxcd/source-controller v1.9.0
