{{/*
One probe. Takes a dict: root, path (/healthz or /readyz), and timing, the probe's values.
podcli is asked for what the pod's network would not reach: a server that listens on an address of its own.
*/}}
{{- define "podinfo.probe" -}}
{{- $values := .root.Values -}}
{{- $type := ($values.probes).type | default "exec" -}}
{{- $path := printf "%s%s" (include "podinfo.prefix" .root) .path -}}
{{- if eq $type "httpGet" -}}
httpGet:
  path: {{ $path }}
  port: http
  scheme: HTTP
{{- else if eq $type "grpc" -}}
grpc:
  port: {{ $values.service.grpcPort }}
  service: {{ $values.service.grpcService | quote }}
{{- else -}}
exec:
  command:
    - podcli
    - check
    - http
    - {{ include "podinfo.localHost" .root }}:{{ $values.service.httpPort | default 9898 }}{{ $path }}
{{- end }}
initialDelaySeconds: {{ .timing.initialDelaySeconds }}
timeoutSeconds: {{ .timing.timeoutSeconds }}
failureThreshold: {{ .timing.failureThreshold }}
successThreshold: {{ .timing.successThreshold }}
periodSeconds: {{ .timing.periodSeconds }}
{{- end -}}

{{/* Where podinfo listens as seen from its own container: on localhost, unless it is told an address of its own. */}}
{{- define "podinfo.localHost" -}}
{{- if has (.Values.host | default "") (list "" "0.0.0.0" "::") -}}
localhost
{{- else if contains ":" .Values.host -}}
[{{ .Values.host }}]
{{- else -}}
{{ .Values.host }}
{{- end -}}
{{- end -}}
