{{- define "podinfo.redisSelectorLabels" -}}
app: {{ include "podinfo.named" (list . "redis") }}
{{- end -}}

{{- define "podinfo.redisLabels" -}}
{{ include "podinfo.redisSelectorLabels" . }}
{{ include "podinfo.besideLabels" (list . "redis") }}
{{- end -}}

{{/*
A cache and nothing more: bounded, and lost with the pod. It has no password, as podinfo's cache has no secrets, so it
must not keep to itself, which Redis calls protected mode.
*/}}
{{- define "podinfo.redisConfig" -}}
bind * -::*
port 6379
protected-mode no
dir /data
maxmemory 64mb
maxmemory-policy allkeys-lru
save ""
appendonly no
{{- end -}}
