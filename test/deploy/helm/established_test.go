package helm

import (
	"maps"
	"slices"
	"strings"
	"testing"
)

// A release of the established chart is upgraded in place with the values that it has, --reuse-values included.
func TestValuesOfTheEstablishedChart(t *testing.T) {
	t.Parallel()
	values := read[map[string]any](t, "testdata/established.yaml")
	want := []string{
		`Deployment/podinfo container.resources.limits: - {}`,
		`Deployment/podinfo container.resources.requests.cpu: "5m" -> "1m"`,
		`Deployment/podinfo container.resources.requests.memory: "32Mi" -> "16Mi"`,
	}
	if got := diff(mustRender(t, nil), mustRender(t, values)); !slices.Equal(got, want) {
		t.Errorf("against the defaults, the render changes by\n%s\nwant\n%s",
			strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

func TestValuesOfTheUsersOfTheEstablishedChart(t *testing.T) {
	t.Parallel()
	type user struct {
		Values map[string]any `json:"values"`
		Makes  []string       `json:"makes"`
	}
	for name, user := range read[map[string]user](t, "testdata/users.yaml") {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			out, err := render(t, user.Values)
			if err != nil {
				t.Fatal(err)
			}
			decode(t, out)
			isTest := func(object string) bool { return strings.HasPrefix(object, "Pod/") }
			if got := slices.DeleteFunc(parse(t, out).names(), isTest); !slices.Equal(got, user.Makes) {
				t.Errorf("the objects are %v, want %v", got, user.Makes)
			}
		})
	}
}

// With everything on that the established chart has, nothing needs a value that only this chart has.
func TestValuesOfTheEstablishedChartWithEverythingOn(t *testing.T) {
	t.Parallel()
	values := read[map[string]any](t, "testdata/established.yaml")
	plain := mustRender(t, values)
	on := map[string]any{
		"service.type": "NodePort", "h2c.enabled": true, "config.path": "/config", "tls.enabled": true,
		"certificate.create": true, "hpa.enabled": true, "hpa.cpu": 80, "redis.enabled": true,
		"serviceAccount.enabled": true, "ingress.enabled": true, "httpRoute.enabled": true, "grpcRoute.enabled": true,
		"serviceMonitor.enabled": true, "podDisruptionBudget": map[string]any{"minAvailable": 1}, "replicaCount": 2,
		"hooks.preUpgrade.job.enabled": true, "probes.startup.enable": true,
	}
	for _, path := range slices.Sorted(maps.Keys(on)) {
		put(values, on[path], strings.Split(path, ".")...)
	}
	got := slices.DeleteFunc(diff(plain, mustRender(t, values)), func(line string) bool {
		return !strings.HasPrefix(line, "+ ")
	})
	want := []string{
		"+ Certificate/podinfo", "+ ConfigMap/podinfo-redis", "+ Deployment/podinfo-redis", "+ GRPCRoute/podinfo",
		"+ HTTPRoute/podinfo", "+ HorizontalPodAutoscaler/podinfo", "+ Ingress/podinfo", "+ Job/podinfo-pre-upgrade",
		"+ Pod/podinfo-cache-test", "+ Pod/podinfo-tls-test", "+ PodDisruptionBudget/podinfo", "+ Service/podinfo-redis",
		"+ ServiceAccount/podinfo", "+ ServiceMonitor/podinfo",
	}
	if !slices.Equal(got, want) {
		t.Errorf("the new objects are\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}
