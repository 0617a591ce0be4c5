// Package kubernetes holds the tests of what people install on a Kubernetes cluster, on a cluster.
package kubernetes

import (
	"testing"

	"github.com/podinfo-targets/podinfo/test/e2e/kube"
)

func TestMain(m *testing.M) { kube.Main(m) }
