{{/* What all objects are called: the release's name if it holds the chart's, else both. */}}
{{- define "podinfo.fullname" -}}
{{- $name := .Values.nameOverride | default .Chart.Name -}}
{{- $both := ternary .Release.Name (printf "%s-%s" .Release.Name $name) (contains $name .Release.Name) -}}
{{- .Values.fullnameOverride | default $both | trunc 63 | trimSuffix "-" -}}
{{- end -}}

{{/*
Names of further objects: fullname and a suffix, cut so that it fits where 63 characters are the limit, as in names of
Services and labels. Takes a list of the root context and the suffix.
*/}}
{{- define "podinfo.named" -}}
{{- $suffix := printf "-%s" (index . 1) -}}
{{- $room := int (sub 63 (len $suffix)) -}}
{{- printf "%s%s" (include "podinfo.fullname" (index . 0) | trunc $room | trimSuffix "-") $suffix -}}
{{- end -}}

{{- define "podinfo.namespace" -}}
{{- .Values.namespaceOverride | default .Release.Namespace -}}
{{- end -}}

{{/* The one label that selects podinfo's pods. Selectors cannot change, so neither can this. */}}
{{- define "podinfo.selectorLabels" -}}
app.kubernetes.io/name: {{ include "podinfo.fullname" . }}
{{- end -}}

{{- define "podinfo.labels" -}}
{{ include "podinfo.selectorLabels" . }}
{{ include "podinfo.chartLabels" . }}
{{- end -}}

{{/*
Labels of what is beside podinfo, Redis for example. It has a name of its own: under podinfo's it would be counted by
podinfo's PodDisruptionBudget and autoscaler. Takes a list of the root context and the suffix of the name.
*/}}
{{- define "podinfo.besideLabels" -}}
app.kubernetes.io/name: {{ include "podinfo.named" . }}
{{ include "podinfo.chartLabels" (index . 0) }}
{{- end -}}

{{- define "podinfo.chartLabels" -}}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" | trunc 63 | trimSuffix "-" }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
{{- end -}}

{{- define "podinfo.image" -}}
{{- if .Values.image.digest -}}
{{ .Values.image.repository }}@{{ .Values.image.digest }}
{{- else -}}
{{ .Values.image.repository }}:{{ .Values.image.tag | default .Chart.AppVersion | include "podinfo.text" }}
{{- end -}}
{{- end -}}

{{/* A value as text. Numbers in files of values are floats, and 20240101 would read 2.0240101e+07 as it stands. */}}
{{- define "podinfo.text" -}}
{{- ternary . (toJson .) (kindIs "string" .) -}}
{{- end -}}

{{- define "podinfo.tlsSecretName" -}}
{{- (.Values.tls).secretName | default (include "podinfo.named" (list . "tls")) -}}
{{- end -}}

{{- define "podinfo.tlsPort" -}}
{{- (.Values.tls).port | default 9899 -}}
{{- end -}}

{{- define "podinfo.certPath" -}}
{{- (.Values.tls).certPath | default "/data/cert" -}}
{{- end -}}

{{- define "podinfo.jwtSecretName" -}}
{{- (.Values.jwt).existingSecret | default (include "podinfo.named" (list . "jwt")) -}}
{{- end -}}

{{- define "podinfo.jwtSecretKey" -}}
{{- (.Values.jwt).secretKey | default "jwt-secret" -}}
{{- end -}}

{{/* Where the config files are mounted, empty for nowhere. */}}
{{- define "podinfo.configPath" -}}
{{- (.Values.config).path | default (ternary "/podinfo/config" "" (not (empty (.Values.config).files))) -}}
{{- end -}}

{{/* The prefix as podinfo reads it, in the form that a path can be appended to: empty, or /like/this. */}}
{{- define "podinfo.prefix" -}}
{{- printf "/%s" (.Values.prefix | default "" | trim) | clean | trimSuffix "/" -}}
{{- end -}}

{{- define "podinfo.cacheServer" -}}
{{- if .Values.cache -}}
{{ .Values.cache }}
{{- else if (.Values.redis).enabled -}}
tcp://{{ include "podinfo.named" (list . "redis") }}:6379
{{- end -}}
{{- end -}}

{{/* The Service as other pods call it. */}}
{{- define "podinfo.host" -}}
{{ include "podinfo.fullname" . }}.{{ include "podinfo.namespace" . }}
{{- end -}}

{{- define "podinfo.url" -}}
http://{{ include "podinfo.host" . }}:{{ .Values.service.externalPort }}{{ include "podinfo.prefix" . }}
{{- end -}}
