package parity

import (
	"testing"

	"github.com/podinfo-targets/podinfo/test/conformance"
	"github.com/podinfo-targets/podinfo/test/platform/cloudfunctions"
)

// cloudFunctions is the function under the functions framework, without the front end that Google puts before it.
func cloudFunctions() []platform {
	const (
		listens  = "the functions framework listens, on one port, and stops when the function does"
		instance = "there are as many instances as requests ask for, and a request reaches any of them"
	)
	target := conformance.Target{
		Name:     "Cloud Functions",
		Settings: []string{"--cache-server=memory://"},
		InfoKeys: []string{"k_service", "k_revision", "k_configuration"},
		Lacks: map[conformance.Capability]string{
			conformance.Drain:      "the framework takes no new requests once it is asked to stop",
			conformance.Flags:      "a function has no command line",
			conformance.H2C:        "the functions framework serves HTTP/1.1 only",
			conformance.MetricsWeb: listens,
			conformance.AnyPath:    "the functions framework redirects paths that are not clean, with status 307",
			conformance.TLS:        "TLS ends at Google's front end",
		},
		Withholds: map[conformance.Capability]string{
			conformance.GRPC: "the functions framework serves HTTP/1.1 only, and gRPC needs HTTP/2",
			conformance.Plugins: "plugins are programs that run beside the function, and what is not answering a request gets " +
				"no CPU there",
		},
		Limits: map[conformance.Capability]string{
			conformance.Background: "an instance gets little of a processor while it serves no request",
			conformance.Metrics:    "each instance shows its own; " + instance,
			conformance.Storage:    "each instance stores its own, in memory; " + instance,
			conformance.Switches:   "each instance has its own; " + instance,
		},
	}
	withheld := map[string]string{
		"cert-path": "TLS ends at Google's front end", "h2c": "the functions framework serves HTTP/1.1 only",
		"http-server-timeout":     "the timeout of the function is set when it is deployed",
		"server-shutdown-timeout": "the platform gives 10 seconds after SIGTERM, and no more",
		"shutdown-delay":          "the platform itself sends no request to an instance that is to stop",
	}
	target.Start = func(t testing.TB, settings []string) (conformance.Target, error) {
		if err := withhold(settings, withheld); err != nil {
			return conformance.Target{}, err
		}
		running := conformance.OfProcess(cloudfunctions.Start(t, cloudfunctions.Build(t), variables(settings)...))
		running.Lacks, running.Withholds, running.InfoKeys = target.Lacks, target.Withholds, target.InfoKeys
		return running, nil
	}
	return []platform{{
		about:  "the function under the functions framework, without Google's front end.",
		target: target,
	}}
}
