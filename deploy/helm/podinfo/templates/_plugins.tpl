{{/*
What plugins add to the pod of podinfo. Each part begins with a line break, and is nothing without plugins.enabled.
The copies that podinfo runs, and the sockets, lie on a volume of their own, because the root is read-only and the
plugins' volume may be too, or may forbid to run anything.
*/}}
{{- define "podinfo.pluginArgs" -}}
{{- if (.Values.plugins).enabled }}
- {{ printf "--plugins-path=%s" (include "podinfo.pluginsPath" .) | quote }}
- --plugins-stage-path={{ include "podinfo.pluginStagePath" . }}
{{- with .Values.plugins.pollInterval }}
- --plugins-poll-interval={{ . }}
{{- end }}
{{- if .Values.plugins.mtls }}
- --plugin-mtls
{{- end }}
{{- if include "podinfo.pluginChecksums" . }}
- {{ printf "--plugin-checksums=%s/%s" (include "podinfo.pluginChecksumsPath" .)
  (include "podinfo.pluginChecksumsKey" .) | quote }}
{{- end }}
{{- end }}
{{- end -}}

{{/*
Sockets are made in the temporary directory, which has to be writable. Without the Secret the pod does not start, rather
than without the token.
*/}}
{{- define "podinfo.pluginEnv" -}}
{{- if (.Values.plugins).enabled }}
- name: TMPDIR
  value: {{ include "podinfo.pluginStagePath" . }}
{{- if (.Values.plugins.adminToken).existingSecret }}
- name: PODINFO_PLUGIN_ADMIN_TOKEN
  valueFrom:
    secretKeyRef:
      name: {{ .Values.plugins.adminToken.existingSecret }}
      key: {{ .Values.plugins.adminToken.secretKey | default "token" }}
{{- end }}
{{- end }}
{{- end -}}

{{- define "podinfo.pluginVolumeMounts" -}}
{{- if (.Values.plugins).enabled }}
- name: plugins
  mountPath: {{ include "podinfo.pluginsPath" . }}
  {{- if include "podinfo.pluginsReadOnly" . }}
  readOnly: true
  {{- end }}
- name: plugin-stage
  mountPath: {{ include "podinfo.pluginStagePath" . }}
{{- if include "podinfo.pluginChecksums" . }}
- name: plugin-checksums
  mountPath: {{ include "podinfo.pluginChecksumsPath" . }}
  readOnly: true
{{- end }}
{{- end }}
{{- end -}}

{{- define "podinfo.pluginVolumes" -}}
{{- if (.Values.plugins).enabled }}
- name: plugins
  persistentVolumeClaim:
    claimName: {{ include "podinfo.pluginsClaim" . }}
    {{- if include "podinfo.pluginsReadOnly" . }}
    readOnly: true
    {{- end }}
- name: plugin-stage
  {{- if .Values.plugins.stageSizeLimit }}
  emptyDir:
    sizeLimit: {{ .Values.plugins.stageSizeLimit }}
  {{- else }}
  emptyDir: {}
  {{- end }}
{{- with include "podinfo.pluginChecksums" . }}
- name: plugin-checksums
  configMap:
    name: {{ . }}
{{- end }}
{{- end }}
{{- end -}}

{{- define "podinfo.pluginsPath" -}}
{{- (.Values.plugins).mountPath | default "/plugins" -}}
{{- end -}}

{{- define "podinfo.pluginStagePath" -}}
/run/plugins
{{- end -}}

{{- define "podinfo.pluginChecksumsPath" -}}
/etc/plugin-checksums
{{- end -}}

{{- define "podinfo.pluginsClaim" -}}
{{- .Values.plugins.existingClaim | default (include "podinfo.named" (list . "plugins")) -}}
{{- end -}}

{{/* "true", or nothing. Null is the default, which is safe. */}}
{{- define "podinfo.pluginsReadOnly" -}}
{{- if ne (toString .Values.plugins.readOnly) "false" -}}true{{- end -}}
{{- end -}}

{{/* The ConfigMap with the checksums, or nothing. */}}
{{- define "podinfo.pluginChecksums" -}}
{{- $checksums := (.Values.plugins).checksums | default dict -}}
{{- if $checksums.existingConfigMap -}}
{{- $checksums.existingConfigMap -}}
{{- else if $checksums.text -}}
{{- include "podinfo.named" (list . "plugin-checksums") -}}
{{- end -}}
{{- end -}}

{{- define "podinfo.pluginChecksumsKey" -}}
{{- ((.Values.plugins).checksums).key | default "SHA256SUMS" -}}
{{- end -}}
