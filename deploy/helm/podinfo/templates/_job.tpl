{{/*
Pods that run podcli once: the jobs of the hooks and the tests. They carry no label of podinfo's own, so that neither
its Service nor its PodDisruptionBudget counts them, and use no ServiceAccount, which the first hook comes before.
Takes a dict: root, container, and command; image, when it is not podinfo's; and claim, of the volume that is mounted at
/volume.
*/}}
{{- define "podinfo.oncePodSpec" -}}
restartPolicy: Never
automountServiceAccountToken: false
securityContext:
  {{- include "podinfo.podSecurityContext" .root | nindent 2 }}
{{- with .root.Values.image.pullSecrets }}
imagePullSecrets:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .root.Values.nodeSelector }}
nodeSelector:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .root.Values.tolerations }}
tolerations:
  {{- toYaml . | nindent 2 }}
{{- end }}
containers:
  - name: {{ .container }}
    image: {{ .image | default (include "podinfo.image" .root) }}
    imagePullPolicy: {{ .root.Values.image.pullPolicy }}
    securityContext:
      {{- include "podinfo.securityContext" .root | nindent 6 }}
    command:
      {{- toYaml .command | nindent 6 }}
    resources:
      requests:
        cpu: 5m
        memory: 16Mi
      limits:
        memory: 64Mi
    {{- if .claim }}
    volumeMounts:
      - name: plugins
        mountPath: /volume
    {{- end }}
{{- with .claim }}
volumes:
  - name: plugins
    persistentVolumeClaim:
      claimName: {{ . }}
{{- end }}
{{- end -}}

{{/* Annotations of these pods. The proxy of a mesh would run on after podcli, and the pod would never be over. */}}
{{- define "podinfo.noSidecars" -}}
sidecar.istio.io/inject: "false"
linkerd.io/inject: disabled
{{- end -}}
