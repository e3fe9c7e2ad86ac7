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
