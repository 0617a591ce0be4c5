package knative

import (
	"net/http"
	"os"
	"strings"
	"testing"

	"github.com/podinfo-targets/podinfo/test/e2e/kube"
)

// TestPlugins runs what the README tells: the setting of Knative, the job, and service-plugins.yaml. A plugin serves
// through the ingress, in a pod that Knative makes for the call, and so does one that comes later.
func TestPlugins(t *testing.T) {
	t.Parallel()
	s := newEmpty(t, "podinfo-plugins")
	allowVolumes(t)
	volume := s.NewVolume(t, "podinfo-plugins")
	job, err := os.ReadFile("../../../deploy/kustomize/components/plugins/install.yaml")
	if err != nil {
		t.Fatal(err)
	}
	s.Apply(t, string(job))
	s.Kubectl(t, "wait", "job/podinfo-install-plugins", "--for=condition=Complete", "--timeout=1m")
	s.start(t, manifest(t, "service-plugins.yaml", published(), quick()))
	client := s.client(t, false)
	url := s.url(t, client)
	s.encodes(t, client, url+"/plugins/cbor/encode", "\x40") // RFC 8949 Appendix A: an empty byte string
	volume.Install(t, "one", "protocol-rpc-echo")
	s.encodes(t, client, url+"/plugins/echo/encode", "one podinfo-plugins-00001-deployment-")
}

// allowVolumes tells Knative to let services have volumes by claims. It stays allowed: other tests do not mind.
func allowVolumes(t *testing.T) {
	t.Helper()
	knative := kube.Namespace{Name: "knative-serving"}
	knative.Kubectl(t, "patch", "configmap", "config-features", "--type=merge",
		`--patch={"data": {"kubernetes.podspec-persistent-volume-claim": "enabled"}}`)
}

// encodes waits until a plugin answers with what begins so.
func (s *service) encodes(t *testing.T, client *http.Client, url, begin string) {
	t.Helper()
	kube.Eventually(t, kube.Until, "an answer from "+url, func() bool {
		got, err := ask(client, http.MethodPost, url, "")
		return err == nil && got.status == http.StatusOK && strings.HasPrefix(got.body, begin)
	})
}
