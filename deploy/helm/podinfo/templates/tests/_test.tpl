{{/* The label by which a NetworkPolicy can admit the pods of `helm test`. */}}
{{- define "podinfo.testSelectorLabels" -}}
app.kubernetes.io/name: {{ include "podinfo.named" (list . "test") }}
{{- end -}}

{{/*
A Pod of `helm test`. Helm forgets it when it is over, and uninstalling would leave a failed one behind; so it goes in
any case, after Helm, if new enough, has shown its log. Takes a dict: root, test, the name of the test, and command.
*/}}
{{- define "podinfo.testPod" -}}
apiVersion: v1
kind: Pod
metadata:
  name: {{ include "podinfo.named" (list .root (printf "%s-test" .test)) }}
  namespace: {{ include "podinfo.namespace" .root }}
  labels:
    {{- include "podinfo.testSelectorLabels" .root | nindent 4 }}
    {{- include "podinfo.chartLabels" .root | nindent 4 }}
  annotations:
    helm.sh/hook: test
    helm.sh/hook-delete-policy: before-hook-creation,hook-succeeded,hook-failed
    helm.sh/hook-output-log-policy: hook-failed
    {{- include "podinfo.noSidecars" . | nindent 4 }}
spec:
  {{- dict "root" .root "container" .test "command" .command | include "podinfo.oncePodSpec" | nindent 2 }}
{{- end -}}

{{/*
A test that asks the Service. A Service may refuse for a moment after its pods are ready, until every node knows, so it
is asked again a few times. One attempt is up to three requests, and faults.delay makes each of them wait for up to
five seconds. Takes the dict of podinfo.testPod with check, the arguments of `podcli check`, in place of the command.
*/}}
{{- define "podinfo.checkPod" -}}
{{- $patience := list "--timeout=20s" "--retry=5" "--delay=1s" -}}
{{- $command := concat (list "podcli" "check") .check $patience -}}
{{- dict "root" .root "test" .test "command" $command | include "podinfo.testPod" -}}
{{- end -}}
