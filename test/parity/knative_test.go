package parity

import (
	"errors"
	"slices"
	"syscall"
	"testing"

	"github.com/podinfo-targets/podinfo/test/conformance"
	"github.com/podinfo-targets/podinfo/test/platform/queueproxy"
	"github.com/podinfo-targets/podinfo/test/testkit"
)

// knative is a revision's pod: the server behind the real queue-proxy.
func knative() []platform {
	target := conformance.Target{
		Name:     "Knative",
		Settings: []string{"--cache-server=memory://"},
		InfoKeys: []string{"k_service", "k_revision", "k_configuration"},
		Lacks: map[conformance.Capability]string{
			conformance.RawHTTP: "queue-proxy ends the client's connection and writes HTTP by itself",
			conformance.TLS:     "TLS ends at the ingress",
		},
	}
	target.Start = func(t testing.TB, settings []string) (conformance.Target, error) {
		if err := withhold(settings, map[string]string{"cert-path": "TLS ends at the ingress"}); err != nil {
			return conformance.Target{}, err
		}
		// There it is always on, and not to be set.
		settings = slices.DeleteFunc(slices.Clone(settings), func(s string) bool { return s == "--h2c" })
		pod := queueproxy.Start(t, testkit.Build(t, "targets/knative"), queueproxy.Options{Settings: settings})
		running := target
		running.BaseURL, running.MetricsURL, running.GRPCAddr = pod.URL, pod.MetricsURL, pod.GRPCAddr
		// Kubernetes stops both containers of a pod at once.
		running.Terminate = func() error {
			return errors.Join(pod.SignalProxy(syscall.SIGTERM), pod.SignalApp(syscall.SIGTERM))
		}
		running.Exit = pod.AppExit
		return running, nil
	}
	return []platform{{
		about:  "`bin/podinfo-knative` behind the real queue-proxy, as in a revision's pod.",
		target: target,
	}}
}
