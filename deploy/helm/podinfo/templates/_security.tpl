{{/*
What Pod Security "restricted" asks of a pod, with the values merged over it field by field. 65532 is the image's user;
as a number, so that the kubelet can tell that it is not root, and given here, so that images without one work too.
*/}}
{{- define "podinfo.podSecurityContext" -}}
{{- $restricted := dict
  "runAsNonRoot" true
  "runAsUser" 65532
  "runAsGroup" 65532
  "fsGroup" 65532
  "fsGroupChangePolicy" "OnRootMismatch"
  "seccompProfile" (dict "type" "RuntimeDefault") -}}
{{- include "podinfo.overlay" (list $restricted .Values.podSecurityContext) -}}
{{- end -}}

{{/* The same for a container. */}}
{{- define "podinfo.securityContext" -}}
{{- include "podinfo.overlay" (list (include "podinfo.restrictedContainer" . | fromYaml) .Values.securityContext) -}}
{{- end -}}

{{/*
The container of podinfo itself. With a port on the host it may bind ports below 1024, unless the values have their own
mind about security.
*/}}
{{- define "podinfo.serverSecurityContext" -}}
{{- $restricted := include "podinfo.restrictedContainer" . | fromYaml -}}
{{- if and (or .Values.service.hostPort (.Values.tls).hostPort) (not .Values.securityContext) -}}
{{- $_ := set $restricted.capabilities "add" (list "NET_BIND_SERVICE") -}}
{{- end -}}
{{- include "podinfo.overlay" (list $restricted .Values.securityContext) -}}
{{- end -}}

{{- define "podinfo.restrictedContainer" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities:
  drop:
    - ALL
{{- end -}}

{{/* The second map of a list laid over the first, where null removes what the first has. */}}
{{- define "podinfo.overlay" -}}
{{- $merged := mergeOverwrite (deepCopy (index . 0)) (deepCopy (index . 1 | default dict)) -}}
{{- range $field, $value := $merged -}}
{{- if kindIs "invalid" $value -}}
{{- $_ := unset $merged $field -}}
{{- end -}}
{{- end -}}
{{- toYaml $merged -}}
{{- end -}}
