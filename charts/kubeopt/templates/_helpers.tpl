{{/* The name of the release's objects: the release's own name, which is unique in its namespace. */}}
{{- define "kubeopt.fullname" -}}
{{ .Release.Name }}
{{- end }}

{{/* Cluster-wide objects carry the namespace too: a release of the same name may be in another one. */}}
{{- define "kubeopt.clusterName" -}}
{{ .Release.Namespace }}-{{ .Release.Name }}
{{- end }}

{{- define "kubeopt.serviceAccountName" -}}
{{- if .Values.serviceAccount.name }}{{ .Values.serviceAccount.name }}{{ else }}{{ include "kubeopt.fullname" . }}{{ end }}
{{- end }}

{{- define "kubeopt.claimName" -}}
{{- if .Values.persistence.existingClaim }}{{ .Values.persistence.existingClaim }}{{ else }}{{ include "kubeopt.fullname" . }}{{ end }}
{{- end }}

{{/* What selects the pods; it can never change. */}}
{{- define "kubeopt.selectorLabels" -}}
app.kubernetes.io/name: kubeopt
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "kubeopt.labels" -}}
{{ include "kubeopt.selectorLabels" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
{{- end }}

{{/* Not empty where usage of the cluster that kubeopt runs in is asked of its metrics-server: no Prometheus is named. */}}
{{- define "kubeopt.asksMetricsServer" -}}
{{- range .Values.config.clusters }}
{{- $metrics := .metrics | default dict }}
{{- if and (not .kubeconfig) (not $metrics.prometheus) }}true{{ end }}
{{- end }}
{{- end }}

{{/* The name of the cluster that kubeopt runs in, as `config.clusters` has it: the one without a kubeconfig. */}}
{{- define "kubeopt.ownCluster" -}}
{{- $own := "" }}
{{- range .Values.config.clusters }}
{{- if not (or $own .kubeconfig) }}{{ $own = .name }}{{ end }}
{{- end }}
{{- $own }}
{{- end }}

{{/*
kubeopt.yaml: `config`, and with agents where they are listened to. What `config.agents` says goes before. Agents run in the
cluster of the chart, whose API server knows their tokens; it need not be the first of `config.clusters`.
*/}}
{{- define "kubeopt.config" -}}
{{- $config := deepCopy .Values.config }}
{{- if .Values.agent.enabled }}
{{- $own := (($config.agents | default dict).cluster | default (include "kubeopt.ownCluster" .)) }}
{{- if not $own }}
{{- fail "agent.enabled: each entry of config.clusters has a kubeconfig; add one without, such as {name: in-cluster}, for the cluster that agents run in" }}
{{- end }}
{{- $agents := dict
  "cluster" $own
  "listen" (printf "0.0.0.0:%v" .Values.agent.port)
  "certFile" "/etc/kubeopt/agents/tls.crt"
  "keyFile" "/etc/kubeopt/agents/tls.key"
  "tokenAudience" .Values.agent.tokenAudience
  "serviceAccount" (printf "%s/%s" .Release.Namespace (include "kubeopt.agentName" .))
}}
{{- $_ := set $config "agents" (mergeOverwrite $agents ($config.agents | default dict)) }}
{{- end }}
{{- toYaml $config }}
{{- end }}

{{/* Refuses values that contradict each other. */}}
{{- define "kubeopt.check" -}}
{{- if .Values.controller.enabled }}
{{- if .Values.agent.controller }}{{ fail "agent.controller: agents of this release send to its own kubeopt; remove it, or set controller.enabled: false" }}{{ end }}
{{- else }}
{{- if not .Values.agent.enabled }}{{ fail "controller.enabled: without kubeopt the release is its agents; set agent.enabled: true" }}{{ end }}
{{- if not .Values.agent.controller }}{{ fail "agent.controller: say where the kubeopt of the other cluster takes what these agents send, as HOST:PORT" }}{{ end }}
{{- if not .Values.agent.tls.secretName }}{{ fail "agent.tls.secretName: name a Secret with the ca.crt that kubeopt's certificate is checked with" }}{{ end }}
{{- end }}
{{- end }}

{{/* Clusters whose agents come in from outside, where this release takes what agents send. */}}
{{- define "kubeopt.otherClusters" -}}
{{- $agents := .Values.config.agents | default dict }}
{{- if and .Values.controller.enabled .Values.agent.enabled }}
{{- range $agents.otherClusters }}
- cluster: {{ .cluster | quote }}
  {{- $port := regexFind "[0-9]+$" (.listen | default "") }}
  {{- if not (and $port .cluster) }}{{ fail "config.agents.otherClusters: each names its cluster, and a listen of its own such as 0.0.0.0:8444" }}{{ end }}
  port: {{ $port }}
{{- end }}
{{- end }}
{{- end }}

{{/* Where agents send. */}}
{{- define "kubeopt.agentsAddress" -}}
{{- if .Values.agent.controller }}{{ .Values.agent.controller }}{{ else }}{{ include "kubeopt.agentsHost" . }}:{{ .Values.agent.port }}{{ end }}
{{- end }}

{{/* The name of the agents' objects, and of their service account. */}}
{{- define "kubeopt.agentName" -}}
{{ include "kubeopt.fullname" . }}-agent
{{- end }}

{{/* The Service that agents send to; the certificate is for its name. */}}
{{- define "kubeopt.agentsService" -}}
{{ include "kubeopt.fullname" . }}-agents
{{- end }}

{{- define "kubeopt.agentsHost" -}}
{{ include "kubeopt.agentsService" . }}.{{ .Release.Namespace }}.svc
{{- end }}

{{- define "kubeopt.agentsSecret" -}}
{{- if .Values.agent.tls.secretName }}{{ .Values.agent.tls.secretName }}
{{- else if .Values.agent.tls.issuerRef }}{{ include "kubeopt.agentsService" . }}-tls
{{- else }}{{ fail "agent.tls: name a Secret with tls.crt, tls.key and ca.crt as agent.tls.secretName, or an issuer of cert-manager as agent.tls.issuerRef" }}
{{- end }}
{{- end }}

{{/* Not the labels of kubeopt itself, whose Service would select the agents too. */}}
{{- define "kubeopt.agentSelectorLabels" -}}
app.kubernetes.io/name: kubeopt-agent
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "kubeopt.agentLabels" -}}
{{ include "kubeopt.agentSelectorLabels" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
{{- end }}
