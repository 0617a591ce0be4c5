{{/*
One probe. Takes a list of the root context, the path (/healthz or /readyz) and the probe's values.
*/}}
{{- define "podinfo.probe" -}}
{{- $root := index . 0 -}}
{{- $values := $root.Values -}}
{{- $timing := index . 2 -}}
{{- $type := ($values.probes).type | default "exec" -}}
{{- $path := printf "%s%s" (include "podinfo.prefix" $root) (index . 1) -}}
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
    - {{ printf "%s:%v%s" (include "podinfo.localHost" $root) $values.service.httpPort $path | quote }}
{{- end }}
initialDelaySeconds: {{ $timing.initialDelaySeconds }}
timeoutSeconds: {{ $timing.timeoutSeconds }}
failureThreshold: {{ $timing.failureThreshold }}
successThreshold: {{ $timing.successThreshold }}
periodSeconds: {{ $timing.periodSeconds }}
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
