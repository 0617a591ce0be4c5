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
		{"service.type=Cluster", "service.type"},
		{"service.httpPort=99999", "service.httpPort"},
		{"probes.type=tcp", "probes.type"},
		{"redis.enabled=perhaps", "redis.enabled"},
		{"hpa.enabled=true,hpa.maxReplicas=0", "hpa.maxReplicas"},
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
			// Helm's errors about the schema name a value by its path with slashes, the chart's own with dots.
			if said := strings.ReplaceAll(err.Error(), "/", "."); !strings.Contains(said, test.named) {
				t.Errorf("helm install --set %s does not name %s: %v", test.set, test.named, err)
			}
		})
	}
	t.Cleanup(func() { n.Gone(t) })
}
