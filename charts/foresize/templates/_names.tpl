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

{{/* Annotations of pods: those given, and those by which a Prometheus finds them. Of (root, annotations, port). */}}
{{- define "foresize.podAnnotations" -}}
{{- $root := index . 0 }}
{{- $annotations := index . 1 }}
{{- if $root.Values.metrics.scrapeAnnotations }}
{{- $scraped := dict "prometheus.io/scrape" "true" "prometheus.io/port" (index . 2) "prometheus.io/path" "/metrics" }}
{{- $annotations = merge (deepCopy $annotations) $scraped }}
{{- end }}
{{- with $annotations }}
{{- toYaml . }}
{{- end }}
{{- end }}

{{/* What serves metrics: by component, its name and its ports. */}}
{{- define "foresize.measured" -}}
{{- if .Values.operator.enabled }}
operator: {name: {{ include "foresize.fullname" . }}, port: metrics, servicePort: metrics}
{{- end }}
{{- if eq (include "foresize.admissionMode" .) "webhook" }}
webhook: {name: {{ include "foresize.webhookName" . }}, port: probe, servicePort: metrics}
{{- end }}
{{- end }}

{{- define "foresize.uiName" -}}
{{ include "foresize.fullname" . }}-ui
{{- end }}

{{- define "foresize.uiSelectorLabels" -}}
app.kubernetes.io/name: foresize
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/component: ui
{{- end }}

{{- define "foresize.uiLabels" -}}
{{- merge (include "foresize.uiSelectorLabels" . | fromYaml) (include "foresize.labels" . | fromYaml) | toYaml }}
{{- end }}
