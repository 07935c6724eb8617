{{- define "foresize.fullname" -}}
{{- if .Values.fullnameOverride }}{{ .Values.fullnameOverride | trunc 52 | trimSuffix "-" }}
{{- else if contains "foresize" .Release.Name }}{{ .Release.Name | trunc 52 | trimSuffix "-" }}
{{- else }}{{ printf "%s-foresize" .Release.Name | trunc 52 | trimSuffix "-" }}
{{- end }}
{{- end }}

{{- define "foresize.serviceAccountName" -}}
{{- .Values.serviceAccount.name | default (include "foresize.fullname" .) }}
{{- end }}

{{- define "foresize.selectorLabels" -}}
app.kubernetes.io/name: foresize
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/component: operator
{{- end }}

{{- define "foresize.labels" -}}
{{ include "foresize.selectorLabels" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
app.kubernetes.io/part-of: foresize
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
{{- with .Values.commonLabels }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{- define "foresize.image" -}}
{{- if .Values.image.digest }}{{ .Values.image.repository }}@{{ .Values.image.digest }}
{{- else }}{{ .Values.image.repository }}:{{ .Values.image.tag | default .Chart.AppVersion }}
{{- end }}
{{- end }}

{{/* How pods are sized at creation: policy, webhook or none. */}}
{{- define "foresize.admissionMode" -}}
{{- if ne .Values.admission.mode "auto" }}{{ .Values.admission.mode }}
{{- else if .Capabilities.APIVersions.Has "admissionregistration.k8s.io/v1/MutatingAdmissionPolicy" }}policy
{{- else }}webhook
{{- end }}
{{- end }}

{{/* Namespaces whose pods are sized: conditions of a selector, for policy and webhook alike. */}}
{{- define "foresize.sizedNamespaces" -}}
- key: kubernetes.io/metadata.name
  operator: NotIn
  values:
  - {{ .Release.Namespace }}
  {{- range without .Values.admission.excludedNamespaces .Release.Namespace }}
  - {{ . }}
  {{- end }}
- key: foresize.dev/ignore
  operator: NotIn
  values: ["true"]
{{- end }}

{{- define "foresize.webhookName" -}}
{{ include "foresize.fullname" . }}-webhook
{{- end }}

{{- define "foresize.webhookSelectorLabels" -}}
app.kubernetes.io/name: foresize
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/component: webhook
{{- end }}

{{- define "foresize.webhookLabels" -}}
{{- merge (include "foresize.webhookSelectorLabels" . | fromYaml) (include "foresize.labels" . | fromYaml) | toYaml }}
{{- end }}
