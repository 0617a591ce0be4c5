{{- define "fullname" -}}
{{ ternary .Release.Name (printf "%s-podinfo" .Release.Name) (contains "podinfo" .Release.Name) }}
{{- end -}}

{{- define "labels" -}}
helm.sh/chart: podinfo-{{ .Chart.Version }}
app.kubernetes.io/name: {{ include "fullname" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
{{- end -}}

{{- define "probe" -}}
exec:
  command: [podcli, check, http, "localhost:{{ .port }}{{ .path }}"]
{{ omit .timing "enable" | toYaml }}
{{- end -}}
