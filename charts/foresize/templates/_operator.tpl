{{/* What the operator's container and that of `helm test` have in common. */}}
{{- define "foresize.environment" -}}
{{- $operator := .Values.operator }}
{{- $prometheus := .Values.prometheus -}}
- name: FORESIZE_OPERATOR_NAMESPACE
  value: {{ .Release.Namespace }}
- name: FORESIZE_PROMETHEUS_URL
  value: {{ $prometheus.url | quote }}
- name: FORESIZE_PROMETHEUS_MATCHERS
  value: {{ $prometheus.matchers | quote }}
- name: FORESIZE_PROMETHEUS_TIMEOUT
  value: {{ $prometheus.timeout | quote }}
{{- if $prometheus.tokenSecret.name }}
- name: FORESIZE_PROMETHEUS_TOKEN_FILE
  value: /etc/foresize/prometheus-token/{{ $prometheus.tokenSecret.key }}
{{- end }}
{{- if $prometheus.basicAuthSecret.name }}
{{- if $prometheus.tokenSecret.name }}
{{- fail "prometheus.tokenSecret.name and prometheus.basicAuthSecret.name: only one of them can be sent" }}
{{- end }}
- name: FORESIZE_PROMETHEUS_USER_FILE
  value: /etc/foresize/prometheus-user/{{ $prometheus.basicAuthSecret.usernameKey }}
- name: FORESIZE_PROMETHEUS_PASSWORD_FILE
  value: /etc/foresize/prometheus-user/{{ $prometheus.basicAuthSecret.passwordKey }}
{{- end }}
{{- if $prometheus.headersSecret.name }}
- name: FORESIZE_PROMETHEUS_HEADERS_FOLDER
  value: /etc/foresize/prometheus-headers
{{- end }}
{{- if $prometheus.tenant }}
- name: FORESIZE_PROMETHEUS_TENANT
  value: {{ $prometheus.tenant | quote }}
{{- end }}
{{- if $prometheus.clientCertificateSecret.name }}
- name: FORESIZE_PROMETHEUS_CERTIFICATE_FILE
  value: /etc/foresize/prometheus-client/{{ $prometheus.clientCertificateSecret.certificateKey }}
- name: FORESIZE_PROMETHEUS_KEY_FILE
  value: /etc/foresize/prometheus-client/{{ $prometheus.clientCertificateSecret.privateKeyKey }}
{{- end }}
{{- if and $prometheus.caConfigMap.name $prometheus.caSecret.name }}
{{- fail "prometheus.caConfigMap.name and prometheus.caSecret.name: authorities are read from one of them" }}
{{- end }}
{{- if $prometheus.caConfigMap.name }}
- name: FORESIZE_PROMETHEUS_CA_FILE
  value: /etc/foresize/prometheus-ca/{{ $prometheus.caConfigMap.key }}
{{- else if $prometheus.caSecret.name }}
- name: FORESIZE_PROMETHEUS_CA_FILE
  value: /etc/foresize/prometheus-ca/{{ $prometheus.caSecret.key }}
{{- end }}
- name: FORESIZE_METRICS_SOURCE
  value: {{ $operator.metricsSource | quote }}
- name: FORESIZE_NAMESPACES
  value: {{ join "," $operator.namespaces | quote }}
- name: FORESIZE_ALLOW_KUBE_SYSTEM
  value: {{ $operator.allowKubeSystem | quote }}
- name: FORESIZE_TICK
  value: {{ $operator.tick | quote }}
- name: FORESIZE_REFIT_INTERVAL
  value: {{ $operator.refitInterval | quote }}
- name: FORESIZE_FIT_WORKERS
  value: {{ $operator.fitWorkers | quote }}
- name: FORESIZE_ENGINE
  value: {{ .Values.forecaster.engine | quote }}
- name: FORESIZE_DASK_ADDRESS
  value: {{ .Values.forecaster.daskAddress | quote }}
- name: FORESIZE_EVICTIONS_PER_HOUR
  value: {{ ternary .Values.evictions.perHour 0 .Values.evictions.enabled | quote }}
- name: FORESIZE_EVICTIONS_PER_NODE_HOUR
  value: {{ .Values.evictions.perNodeHour | quote }}
- name: FORESIZE_EVICTIONS_PER_WORKLOAD_HOUR
  value: {{ .Values.evictions.perWorkloadHour | quote }}
- name: FORESIZE_EVICT_SINGLE_REPLICAS
  value: {{ .Values.evictions.singleReplicas | quote }}
- name: FORESIZE_LEASE_DURATION
  value: {{ $operator.leaseDuration | quote }}
- name: FORESIZE_METRICS_PORT
  value: "8080"
- name: FORESIZE_METRICS_CONTAINERS
  value: {{ .Values.metrics.containers | quote }}
- name: FORESIZE_PROBE_PORT
  value: "8081"
- name: FORESIZE_LOG_FORMAT
  value: {{ $operator.logFormat | quote }}
- name: FORESIZE_LOG_LEVEL
  value: {{ $operator.logLevel | quote }}
# The root is read-only: what libraries cache goes where it may be lost.
- name: HOME
  value: /tmp
- name: MPLCONFIGDIR
  value: /tmp/matplotlib
{{- with $operator.extraEnv }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{/* Whether metrics-server is asked how much memory is used: by choice, or for want of a Prometheus. */}}
{{- define "foresize.metricsServer" -}}
{{- $source := .Values.operator.metricsSource }}
{{- or (eq $source "metrics-server") (and (eq $source "auto") (not .Values.prometheus.url)) }}
{{- end }}

{{- define "foresize.volumeMounts" -}}
{{- $operator := .Values.operator }}
{{- $prometheus := .Values.prometheus -}}
- name: tmp
  mountPath: /tmp
{{- if $prometheus.tokenSecret.name }}
- name: prometheus-token
  mountPath: /etc/foresize/prometheus-token
  readOnly: true
{{- end }}
{{- if $prometheus.basicAuthSecret.name }}
- name: prometheus-user
  mountPath: /etc/foresize/prometheus-user
  readOnly: true
{{- end }}
{{- if $prometheus.headersSecret.name }}
- name: prometheus-headers
  mountPath: /etc/foresize/prometheus-headers
  readOnly: true
{{- end }}
{{- if $prometheus.clientCertificateSecret.name }}
- name: prometheus-client
  mountPath: /etc/foresize/prometheus-client
  readOnly: true
{{- end }}
{{- if or $prometheus.caConfigMap.name $prometheus.caSecret.name }}
- name: prometheus-ca
  mountPath: /etc/foresize/prometheus-ca
  readOnly: true
{{- end }}
{{- with $operator.extraVolumeMounts }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{- define "foresize.volumes" -}}
{{- $operator := .Values.operator }}
{{- $prometheus := .Values.prometheus -}}
- name: tmp
  emptyDir:
    sizeLimit: {{ $operator.tmpSize }}
{{- with $operator.extraVolumes }}
{{ toYaml . }}
{{- end }}
{{- with $prometheus.tokenSecret.name }}
- name: prometheus-token
  secret:
    secretName: {{ . }}
{{- end }}
{{- range $volume, $secret := dict "user" $prometheus.basicAuthSecret "headers" $prometheus.headersSecret "client" $prometheus.clientCertificateSecret "ca" $prometheus.caSecret }}
{{- with $secret.name }}
- name: prometheus-{{ $volume }}
  secret:
    secretName: {{ . }}
{{- end }}
{{- end }}
{{- with $prometheus.caConfigMap.name }}
- name: prometheus-ca
  configMap:
    name: {{ . }}
{{- end }}
{{- end }}
