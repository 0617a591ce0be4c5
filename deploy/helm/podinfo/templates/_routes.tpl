{{/*
A route of the Gateway API. Takes a dict: root, kind, route (its values), and port, the Service's port that rules
without backendRefs lead to.
*/}}
{{- define "podinfo.route" -}}
apiVersion: gateway.networking.k8s.io/v1
kind: {{ .kind }}
metadata:
  name: {{ include "podinfo.fullname" .root }}
  namespace: {{ include "podinfo.namespace" .root }}
  labels:
    {{- include "podinfo.labels" .root | nindent 4 }}
    {{- with .route.additionalLabels }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
  {{- with .route.annotations }}
  annotations:
    {{- toYaml . | nindent 4 }}
  {{- end }}
spec:
  {{- with .route.parentRefs }}
  parentRefs:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with .route.hostnames }}
  hostnames:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- $service := dict "name" (include "podinfo.fullname" .root) "port" .port "weight" 1 }}
  {{- $ours := dict "backendRefs" (list $service) }}
  rules:
    {{- range .route.rules }}
    {{- /* An empty list of backends stays empty: a rule that redirects must have none. */}}
    {{- list (merge (deepCopy .) (ternary dict $ours (hasKey . "backendRefs"))) | toYaml | nindent 4 }}
    {{- end }}
{{- end -}}
