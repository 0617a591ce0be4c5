{{/* A PersistentVolumeClaim. Takes a dict: root, suffix of the name, and values, those of persistence or plugins. */}}
{{- define "podinfo.pvc" -}}
apiVersion: v1
kind: PersistentVolumeClaim
metadata:
  name: {{ include "podinfo.named" (list .root .suffix) }}
  namespace: {{ include "podinfo.namespace" .root }}
  labels:
    {{- include "podinfo.labels" .root | nindent 4 }}
spec:
  accessModes:
    {{- toYaml .values.accessModes | nindent 4 }}
  {{- with .values.storageClass }}
  storageClassName: {{ ternary "" . (eq . "-") | quote }}
  {{- end }}
  resources:
    requests:
      storage: {{ .values.size }}
{{- end -}}
