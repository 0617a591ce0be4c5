package kubernetes

import (
	"encoding/json"
	"maps"
	"net/http"
	"testing"
	"time"

	"github.com/podinfo-targets/podinfo/test/e2e/kube"
)

// TestConfigChange changes the files of the ConfigMap and sees the change at /configs of the pod that was there before.
func TestConfigChange(t *testing.T) {
	t.Parallel()
	r := release{kube.NewNamespace(t)}
	r.install(t, helmChart, quickProbes, "--set-string=config.files.greeting=hello,config.files.old=1")
	pod := r.pods(t)[0]
	configs := "http://" + r.Forward(t, "pod/"+pod, 9898) + "/configs"
	waitForConfigs(t, configs, map[string]string{"greeting": "hello", "old": "1"})

	r.upgrade(t, quickProbes, "--set-string=config.files.greeting=goodbye,config.files.new=2")
	// The kubelet looks at mounted ConfigMaps about once a minute, and at once when the pod changes
	// (https://kubernetes.io/docs/concepts/configuration/configmap/#mounted-configmaps-are-updated-automatically).
	r.Kubectl(t, "annotate", "pod", pod, "podinfo.test/look-again="+time.Now().Format("150405"))
	waitForConfigs(t, configs, map[string]string{"greeting": "goodbye", "new": "2"})

	if pods := r.pods(t); len(pods) != 1 || pods[0] != pod {
		t.Errorf("the pod was %s and is %v: a change of files that are only shown must not replace it", pod, pods)
	}
	if restarts := r.get(t, "pod/"+pod, ".status.containerStatuses[0].restartCount"); restarts != "0" {
		t.Errorf("the container has restarted %s times", restarts)
	}
}

func waitForConfigs(t *testing.T, url string, want map[string]string) {
	t.Helper()
	// Twice as long as the kubelet takes at most on its own.
	kube.Eventually(t, 3*time.Minute, url+" to show the files of the ConfigMap", func() bool {
		status, body := ask(t, plain(), http.MethodGet, url, "")
		var got map[string]string
		return status == http.StatusOK && json.Unmarshal([]byte(body), &got) == nil && maps.Equal(got, want)
	})
}
