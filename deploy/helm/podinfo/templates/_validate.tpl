{{/*
Combinations of values that each are fine and together are not, which the schema of the values cannot see. All that are
found are reported at once.
*/}}
{{- define "podinfo.validate" -}}
{{- $problems := concat
  (include "podinfo.checkReplicas" . | fromYamlArray)
  (include "podinfo.checkPorts" . | fromYamlArray)
  (include "podinfo.checkMonitorsAndRoutes" . | fromYamlArray)
  (include "podinfo.checkProbes" . | fromYamlArray)
  (include "podinfo.checkUser" . | fromYamlArray)
  (include "podinfo.checkSecrets" . | fromYamlArray)
  (include "podinfo.checkPlugins" . | fromYamlArray) -}}
{{- if $problems -}}
{{- printf "these values do not fit together:\n  * %s" (join "\n  * " $problems) | fail -}}
{{- end -}}
{{- end -}}

{{- define "podinfo.checkReplicas" -}}
{{- /* Null leaves it to Kubernetes, which takes 1. */ -}}
{{- $replicas := ternary 1 .Values.replicaCount (kindIs "invalid" .Values.replicaCount) | int -}}
{{- $most := int (.Values.hpa).maxReplicas -}}
{{- if and (.Values.hpa).enabled (lt $most $replicas) }}
- {{ printf "hpa.maxReplicas is %d, below replicaCount, %d, which is the least that the autoscaler may choose"
  $most $replicas | quote }}
{{- end }}
{{- if and (.Values.hpa).enabled (lt $replicas 1) }}
- {{ "replicaCount is 0, but hpa.enabled needs at least 1 replica to measure" | quote }}
{{- end }}
{{- $budget := .Values.podDisruptionBudget | default dict -}}
{{- if not (has nil (list $budget.minAvailable $budget.maxUnavailable)) }}
- {{ "podDisruptionBudget has both minAvailable and maxUnavailable; give one of them" | quote }}
{{- end }}
{{- end -}}

{{/* Two servers cannot listen on one port, in the pod or in the Service. */}}
{{- define "podinfo.checkPorts" -}}
{{- $service := .Values.service -}}
{{- $pod := list (list "service.httpPort" $service.httpPort) (list "service.grpcPort" $service.grpcPort)
  (list "service.metricsPort" $service.metricsPort) -}}
{{- $shown := list (list "service.externalPort" $service.externalPort) (list "service.grpcPort" $service.grpcPort) -}}
{{- if (.Values.tls).enabled -}}
{{- $tls := list "tls.port" (include "podinfo.tlsPort" .) -}}
{{- $pod = append $pod $tls -}}
{{- $shown = append $shown $tls -}}
{{- end -}}
{{- include "podinfo.checkDistinct" (list "pod" $pod) }}
{{- include "podinfo.checkDistinct" (list "Service" $shown) }}
{{- end -}}

{{- define "podinfo.checkDistinct" -}}
{{- $owner := index . 0 -}}
{{- $seen := dict -}}
{{- range index . 1 -}}
{{- $name := index . 0 -}}
{{- $port := index . 1 | default "" | toString -}}
{{- if and $port (hasKey $seen $port) }}
- {{ printf "%s and %s are both %s; each port of the %s needs a number of its own"
  (get $seen $port) $name $port $owner | quote }}
{{- end }}
{{- $_ := set $seen $port $name -}}
{{- end -}}
{{- end -}}

{{- define "podinfo.checkMonitorsAndRoutes" -}}
{{- if and (.Values.grpcRoute).enabled (not .Values.service.grpcPort) }}
- {{ "grpcRoute.enabled needs service.grpcPort, which is empty" | quote }}
{{- end }}
{{- if and (.Values.podMonitor).enabled (not .Values.service.metricsPort) }}
- {{ "podMonitor.enabled needs service.metricsPort, which is empty" | quote }}
{{- end }}
{{- end -}}

{{- define "podinfo.checkProbes" -}}
{{- if and (eq ((.Values.probes).type | default "exec") "grpc") (not .Values.service.grpcPort) }}
- {{ "probes.type=grpc needs service.grpcPort, which is empty" | quote }}
{{- end }}
{{- end -}}

{{/* The kubelet would refuse such a pod, and tell in its events only. */}}
{{- define "podinfo.checkUser" -}}
{{- $pod := include "podinfo.podSecurityContext" . | fromYaml -}}
{{- $container := mergeOverwrite $pod (include "podinfo.securityContext" . | fromYaml) -}}
{{- if and $container.runAsNonRoot (eq (toString $container.runAsUser) "0") }}
- {{ "runAsUser is 0, which is root, and runAsNonRoot is true; give runAsNonRoot=false beside it" | quote }}
{{- end }}
{{- end -}}

{{- define "podinfo.checkSecrets" -}}
{{- if and (.Values.jwt).existingSecret (.Values.jwt).generate }}
- {{ "jwt.existingSecret and jwt.generate exclude each other: a Secret is either yours or generated" | quote }}
{{- end }}
{{- end -}}

{{- define "podinfo.checkPlugins" -}}
{{- $plugins := .Values.plugins | default dict -}}
{{- if $plugins.enabled }}
{{- if and ($plugins.checksums).text ($plugins.checksums).existingConfigMap }}
- {{ "plugins.checksums.text and plugins.checksums.existingConfigMap exclude each other: give one of them" | quote }}
{{- end }}
{{- $modes := ternary (list) ($plugins.accessModes | default list) (not (empty $plugins.existingClaim)) -}}
{{- $writes := or ($plugins.install).image (not (include "podinfo.pluginsReadOnly" .)) -}}
{{- if and $writes (eq (join "," $modes) "ReadOnlyMany") }}
- {{ "plugins.accessModes has only ReadOnlyMany, but plugins.install.image and plugins.readOnly=false write to it"
  | quote }}
{{- end }}
{{- $several := or (.Values.hpa).enabled (gt (int .Values.replicaCount) 1) ($plugins.install).image -}}
{{- if and $several (eq (join "," $modes) "ReadWriteOncePod") }}
- {{ "plugins.accessModes has only ReadWriteOncePod, but more than one pod is to have the volume" | quote }}
{{- end }}
{{- include "podinfo.checkMounts" . }}
{{- end }}
{{- end -}}

{{/* Kubernetes refuses two mounts at one place. */}}
{{- define "podinfo.checkMounts" -}}
{{- $path := include "podinfo.pluginsPath" . | clean -}}
{{- $taken := list "/data" (include "podinfo.pluginStagePath" .) (include "podinfo.pluginChecksumsPath" .) -}}
{{- if (.Values.tls).enabled -}}
{{- $taken = append $taken (include "podinfo.certPath" . | clean) -}}
{{- end -}}
{{- if (.Values.config).files -}}
{{- $taken = append $taken (include "podinfo.configPath" . | clean) -}}
{{- end -}}
{{- if has $path $taken }}
- {{ printf "plugins.mountPath is %s, where something else is mounted; choose another directory" $path | quote }}
{{- end }}
{{- end -}}
