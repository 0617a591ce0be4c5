package launch

import "strings"

// passed are the variables of the host that a plugin may see: how people and clocks are where it runs, which
// authorities to trust, and where traces go. Headers and keys of exporters are secrets and not among them, nor is PATH:
// a plugin that wants to run a program names it in full.
// https://opentelemetry.io/docs/specs/otel/configuration/sdk-environment-variables/
func passed() map[string]bool {
	return map[string]bool{
		"TZ": true, "LANG": true, "LC_ALL": true,
		"SSL_CERT_FILE": true, "SSL_CERT_DIR": true,
		"OTEL_SDK_DISABLED": true, "OTEL_PROPAGATORS": true, "OTEL_RESOURCE_ATTRIBUTES": true,
		"OTEL_TRACES_SAMPLER": true, "OTEL_TRACES_SAMPLER_ARG": true,
		"OTEL_EXPORTER_OTLP_ENDPOINT": true, "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": true,
		"OTEL_EXPORTER_OTLP_PROTOCOL": true, "OTEL_EXPORTER_OTLP_TRACES_PROTOCOL": true,
	}
}

// Environ returns what a plugin may see of the host's environment. An endpoint that holds a password is a secret too.
func Environ(host []string) []string {
	allowed := passed()
	var env []string
	for _, variable := range host {
		name, value, _ := strings.Cut(variable, "=")
		if secret := strings.Contains(value, "://") && strings.Contains(value, "@"); allowed[name] && !secret {
			env = append(env, variable)
		}
	}
	return env
}
