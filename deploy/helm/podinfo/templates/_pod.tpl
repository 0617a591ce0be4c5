{{/* Annotations of podinfo's pods. A checksum restarts them for what is read at start only. */}}
{{- define "podinfo.podAnnotations" -}}
{{- $prefix := include "podinfo.prefix" . -}}
{{- $annotations := dict
  "prometheus.io/scrape" "true"
  "prometheus.io/port" (toString .Values.service.httpPort) -}}
{{- if $prefix -}}
{{- $_ := set $annotations "prometheus.io/path" (printf "%s/metrics" $prefix) -}}
{{- end -}}
{{- $file := get ((.Values.config).files | default dict) ((.Values.config).name | default "config.yaml") -}}
{{- if $file -}}
{{- $_ := set $annotations "checksum/config" (sha256sum $file) -}}
{{- end -}}
{{- include "podinfo.overlay" (list $annotations .Values.podAnnotations) -}}
{{- end -}}

{{- define "podinfo.args" -}}
- ./podinfo
- --port={{ .Values.service.httpPort | default 9898 }}
- {{ printf "--prefix=%s" (.Values.prefix | default "/") | quote }}
{{- with .Values.host }}
- {{ printf "--host=%s" . | quote }}
{{- end }}
{{- if (.Values.tls).enabled }}
- --secure-port={{ include "podinfo.tlsPort" . }}
{{- end }}
- {{ printf "--cert-path=%s" (include "podinfo.certPath" .) | quote }}
{{- with .Values.service.metricsPort }}
- --port-metrics={{ . }}
{{- end }}
{{- with .Values.service.grpcPort }}
- --grpc-port={{ . }}
{{- end }}
{{- with .Values.service.grpcService }}
- {{ printf "--grpc-service-name=%s" . | quote }}
{{- end }}
{{- range .Values.backends }}
- {{ printf "--backend-url=%s" . | quote }}
{{- end }}
{{- with include "podinfo.cacheServer" . }}
- {{ printf "--cache-server=%s" . | quote }}
{{- end }}
- --level={{ .Values.logLevel | default "info" }}
- --random-delay={{ (.Values.faults).delay | default false }}
- --random-error={{ (.Values.faults).error | default false }}
{{- if (.Values.faults).unhealthy }}
- --unhealthy
{{- end }}
{{- if (.Values.faults).unready }}
- --unready
{{- end }}
{{- if (.Values.h2c).enabled }}
- --h2c
{{- end }}
{{- with include "podinfo.configPath" . }}
- {{ printf "--config-path=%s" . | quote }}
{{- end }}
{{- with (.Values.config).name }}
- {{ printf "--config=%s" . | quote }}
{{- end }}
{{- include "podinfo.pluginArgs" . }}
{{- with .Values.extraArgs }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{- define "podinfo.env" -}}
{{- with (.Values.ui).message }}
- name: PODINFO_UI_MESSAGE
  value: {{ include "podinfo.text" . | quote }}
{{- end }}
{{- with (.Values.ui).logo }}
- name: PODINFO_UI_LOGO
  value: {{ . | quote }}
{{- end }}
{{- with (.Values.ui).color }}
- name: PODINFO_UI_COLOR
  value: {{ . | quote }}
{{- end }}
{{- with .Values.backend }}
- name: PODINFO_BACKEND_URL
  value: {{ . | quote }}
{{- end }}
{{- if or (.Values.jwt).existingSecret (.Values.jwt).generate }}
- name: PODINFO_JWT_SECRET
  valueFrom:
    secretKeyRef:
      name: {{ include "podinfo.jwtSecretName" . }}
      key: {{ include "podinfo.jwtSecretKey" . }}
{{- end }}
{{- include "podinfo.pluginEnv" . }}
{{- with .Values.extraEnvs }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{- define "podinfo.ports" -}}
- name: http
  containerPort: {{ .Values.service.httpPort | default 9898 }}
  protocol: TCP
  {{- with .Values.service.hostPort }}
  hostPort: {{ . }}
  {{- end }}
{{- if (.Values.tls).enabled }}
- name: https
  containerPort: {{ include "podinfo.tlsPort" . }}
  protocol: TCP
  {{- with (.Values.tls).hostPort }}
  hostPort: {{ . }}
  {{- end }}
{{- end }}
{{- with .Values.service.metricsPort }}
- name: http-metrics
  containerPort: {{ . }}
  protocol: TCP
{{- end }}
{{- with .Values.service.grpcPort }}
- name: grpc
  containerPort: {{ . }}
  protocol: TCP
{{- end }}
{{- end -}}

{{- define "podinfo.volumeMounts" -}}
- name: data
  mountPath: /data
{{- if (.Values.tls).enabled }}
- name: tls
  mountPath: {{ include "podinfo.certPath" . }}
  readOnly: true
{{- end }}
{{- if (.Values.config).files }}
- name: config
  mountPath: {{ include "podinfo.configPath" . }}
  readOnly: true
{{- end }}
{{- include "podinfo.pluginVolumeMounts" . }}
{{- with .Values.extraVolumeMounts }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{- define "podinfo.volumes" -}}
- name: data
{{- if (.Values.persistence).enabled }}
  persistentVolumeClaim:
    claimName: {{ .Values.persistence.existingClaim | default (include "podinfo.named" (list . "data")) }}
{{- else if (.Values.persistence).sizeLimit }}
  emptyDir:
    sizeLimit: {{ .Values.persistence.sizeLimit }}
{{- else }}
  emptyDir: {}
{{- end }}
{{- if (.Values.tls).enabled }}
- name: tls
  secret:
    secretName: {{ include "podinfo.tlsSecretName" . }}
{{- end }}
{{- if (.Values.config).files }}
- name: config
  configMap:
    name: {{ include "podinfo.named" (list . "config") }}
{{- end }}
{{- include "podinfo.pluginVolumes" . }}
{{- with .Values.extraVolumes }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{/* Constraints without a labelSelector would count no pod at all, so they get podinfo's. */}}
{{- define "podinfo.topologySpreadConstraints" -}}
{{- $ours := dict "labelSelector" (dict "matchLabels" (include "podinfo.selectorLabels" . | fromYaml)) -}}
{{- range .Values.topologySpreadConstraints }}
{{ list (merge (deepCopy .) (ternary dict $ours (hasKey . "labelSelector"))) | toYaml }}
{{- end }}
{{- end -}}
