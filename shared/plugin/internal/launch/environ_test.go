package launch

import (
	"slices"
	"testing"
)

func TestEnviron(t *testing.T) {
	t.Parallel()
	for variable, want := range map[string]bool{
		"TZ=UTC":                   true,
		"LANG=":                    true,
		"SSL_CERT_FILE=/etc/certs": true,
		"OTEL_EXPORTER_OTLP_ENDPOINT=http://collector:4317": true,
		"OTEL_RESOURCE_ATTRIBUTES=owner=me@example.org":     true,
		"OTEL_EXPORTER_OTLP_ENDPOINT=http://me:pass@c:4317": false,
		"OTEL_EXPORTER_OTLP_HEADERS=authorization=secret":   false,
		"OTEL_EXPORTER_OTLP_TRACES_HEADERS=authorization=s": false,
		"OTEL_EXPORTER_OTLP_CLIENT_KEY=/key":                false,
		"PATH=/bin":                                         false,
		"HOME=/root":                                        false,
		"AWS_SECRET_ACCESS_KEY=key":                         false,
		"PODINFO_TOKEN_SECRET=key":                          false,
		"LD_PRELOAD=/x.so":                                  false,
		"GODEBUG=x=1":                                       false,
		"tz=UTC":                                            false,
		"TZ":                                                true,
		"":                                                  false,
	} {
		if got := slices.Equal(Environ([]string{variable}), []string{variable}); got != want {
			t.Errorf("%q reaches a plugin: %v, want %v", variable, got, want)
		}
	}
}
