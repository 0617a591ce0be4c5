// Package knative holds the tests of deploy/knative on a cluster with Knative Serving: its real queue-proxy, activator,
// autoscaler and ingress. Requests go to the ingress from this machine, by the hosts that Knative gives the services,
// or to the services from inside the cluster.
package knative

import (
	"testing"

	"github.com/podinfo-targets/podinfo/test/e2e/kube"
)

func TestMain(m *testing.M) { kube.Main(m) }
