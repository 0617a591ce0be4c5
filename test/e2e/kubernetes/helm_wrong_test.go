package kubernetes

import (
	"strings"
	"testing"

	"github.com/podinfo-targets/podinfo/test/e2e/kube"
)

// TestHelmWrongValues installs with values that cannot be meant: helm install must fail, name the value, and have made
// nothing.
func TestHelmWrongValues(t *testing.T) {
	t.Parallel()
	n := kube.NewNamespace(t)
	for _, test := range []struct{ set, named string }{
		{"replicaCuont=2", "replicaCuont"},
		{"replicaCount=two", "replicaCount"},
		{"image.tga=latest", "tga"},
		{"logLevel=loud", "logLevel"},
		{"service.type=Cluster", "service/type"},
		{"service.httpPort=99999", "service/httpPort"},
		{"probes.type=tcp", "probes/type"},
		{"redis.enabled=perhaps", "redis/enabled"},
		{"hpa.enabled=true,hpa.maxReplicas=0", "hpa/maxReplicas"},
		{"tls.enabled=true,tls.port=9898", "tls.port"},
		{"hpa.enabled=true,hpa.maxReplicas=1,replicaCount=2", "hpa.maxReplicas"},
		{"jwt.generate=true,jwt.existingSecret=mine", "jwt.existingSecret"},
	} {
		t.Run(test.set, func(t *testing.T) {
			t.Parallel()
			_, err := n.TryHelm("install", helmRelease, helmChart, "--set="+test.set)
			if err == nil {
				t.Fatalf("helm install accepts --set %s", test.set)
			}
			// The schema's errors name a value by its path, with slashes or with dots.
			if said := err.Error(); !strings.Contains(strings.ReplaceAll(said, "/", "."), strings.ReplaceAll(test.named, "/", ".")) {
				t.Errorf("helm install --set %s does not name %s: %s", test.set, test.named, said)
			}
		})
	}
	t.Cleanup(func() { n.Gone(t) })
}
