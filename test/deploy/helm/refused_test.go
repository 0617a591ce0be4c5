package helm

import (
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// refusedCase is a value that the schema refuses.
type refusedCase struct {
	Value   string `json:"value"`
	To      any    `json:"to"`
	At      string `json:"at"` // where the message says that the mistake is, when that is not the value itself
	Message string `json:"message"`
}

// Helm reports all mistakes at once, so a render holds many of them: all the cases but those about one and the same
// value, or about a value inside another.
func TestWrongValuesAreRefused(t *testing.T) {
	t.Parallel()
	for i, round := range rounds(read[[]refusedCase](t, "testdata/refused.yaml")) {
		t.Run(strconv.Itoa(i), func(t *testing.T) {
			t.Parallel()
			values := make(map[string]any)
			for _, c := range round {
				put(values, c.To, strings.Split(c.Value, ".")...)
			}
			_, err := render(t, values)
			if err == nil {
				t.Fatalf("the chart takes %s", compact(values))
			}
			for _, c := range round {
				if !complains(err, c.where(), c.Message) {
					t.Errorf("%s: %s: no line of the message says %q and %q:\n%v",
						c.Value, compact(c.To), c.where(), c.Message, err)
				}
			}
		})
	}
}

// where is how the schema names the place of the mistake.
func (c refusedCase) where() string {
	path := c.At
	if path == "" {
		path = c.Value
	}
	// The only keys with a dot in them are names of files.
	path = strings.ReplaceAll(path, ".txt", "~txt")
	return "at '/" + strings.ReplaceAll(strings.ReplaceAll(path, ".", "/"), "~txt", ".txt") + "'"
}

// rounds deals the cases out, so that no value comes twice in a round.
func rounds(cases []refusedCase) [][]refusedCase {
	var dealt [][]refusedCase
	seen := make(map[string]int)
	for _, c := range cases {
		round := seen[c.Value]
		seen[c.Value]++
		if round == len(dealt) {
			dealt = append(dealt, nil)
		}
		dealt[round] = append(dealt[round], c)
	}
	return dealt
}

func complains(err error, words ...string) bool {
	return slices.ContainsFunc(strings.Split(err.Error(), "\n"), func(line string) bool {
		return !slices.ContainsFunc(words, func(word string) bool { return !strings.Contains(line, word) })
	})
}

func TestMisspeltValuesAreRefused(t *testing.T) {
	t.Parallel()
	known := read[map[string]any](t, filepath.Join(chart, "values.yaml"))
	// Their keys are the user's.
	free := []string{"dashboard.labels", "redis.resources.limits", "redis.resources.requests", "resources.requests"}
	values := make(map[string]any)
	places := []string{""}
	for path := range leaves("", known) {
		for parent := range parents(path) {
			if !slices.Contains(free, parent) {
				places = append(places, parent)
			}
		}
	}
	// What is empty in values.yaml and has keys of Kubernetes' or the chart's nevertheless.
	places = append(places, "podDisruptionBudget", "securityContext", "podSecurityContext", "affinity")
	for _, place := range places {
		put(values, true, strings.Split(strings.TrimPrefix(place+".mispelt", "."), ".")...)
	}
	_, err := render(t, values)
	if err == nil {
		t.Fatal("the chart takes values that it does not know")
	}
	for _, place := range places {
		where := "at '" + strings.TrimSuffix("/"+strings.ReplaceAll(place, ".", "/"), "/") + "'"
		if !complains(err, where, "additional properties 'mispelt' not allowed") {
			t.Errorf("no line of the message says %q:\n%v", where, err)
		}
	}
}

// parents yields the maps that the value at path is in.
func parents(path string) map[string]bool {
	found := make(map[string]bool)
	for i, letter := range path {
		if letter == '.' {
			found[path[:i]] = true
		}
	}
	return found
}

func TestValuesOfTheWrongTypeAreRefused(t *testing.T) {
	t.Parallel()
	values := make(map[string]any)
	known := leaves("", read[map[string]any](t, filepath.Join(chart, "values.yaml")))
	for path := range known {
		put(values, []any{[]any{"wrong"}}, strings.Split(path, ".")...)
	}
	_, err := render(t, values)
	if err == nil {
		t.Fatal("the chart takes a list of lists for every value")
	}
	for path := range known {
		where := "at '/" + strings.ReplaceAll(path, ".", "/")
		if !complains(err, where+"'") && !complains(err, where+"/0'") {
			t.Errorf("no line of the message says %q:\n%v", where, err)
		}
	}
}

// Values that do not fit together are refused by the chart itself, which names all of them.
func TestContradictionsAreRefused(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name   string
		values map[string]any // in short
		want   string
	}{
		{"two ports of the pod", map[string]any{"service.metricsPort": 9898}, "service.httpPort and service.metricsPort"},
		{"two ports of the pod", map[string]any{"service.grpcPort": 9797}, "service.grpcPort and service.metricsPort"},
		{"two ports of the Service", map[string]any{"service.externalPort": 9999},
			"service.externalPort and service.grpcPort"},
		{"TLS on the port of HTTP", map[string]any{"tls.enabled": true, "tls.port": 9898}, "tls.port"},
		{"gRPC on the usual port of TLS", map[string]any{"tls.enabled": true, "tls.port": nil, "service.grpcPort": 9899},
			"service.grpcPort and tls.port"},
		{"fewer pods than the least", map[string]any{"hpa.enabled": true, "replicaCount": 11}, "hpa.maxReplicas"},
		{"autoscaling from none", map[string]any{"hpa.enabled": true, "replicaCount": 0}, "replicaCount"},
		{"two budgets", map[string]any{"podDisruptionBudget": map[string]any{"minAvailable": 1, "maxUnavailable": 1}},
			"podDisruptionBudget has both minAvailable and maxUnavailable"},
		{"two budgets", map[string]any{"podDisruptionBudget": map[string]any{"minAvailable": 0, "maxUnavailable": 0}},
			"podDisruptionBudget has both minAvailable and maxUnavailable"},
		{"GRPCRoute to no port", map[string]any{"service.grpcPort": nil, "grpcRoute.enabled": true},
			"grpcRoute.enabled needs service.grpcPort"},
		{"gRPC probes of no port", map[string]any{"service.grpcPort": nil, "probes.type": "grpc"},
			"probes.type=grpc needs service.grpcPort"},
		{"PodMonitor of no port", map[string]any{"service.metricsPort": nil, "podMonitor.enabled": true},
			"podMonitor.enabled needs service.metricsPort"},
		{"root who is none", map[string]any{"securityContext.runAsUser": 0}, "runAsUser is 0"},
		{"root who is none", map[string]any{"podSecurityContext.runAsUser": 0}, "runAsUser is 0"},
		{"two lists of checksums", map[string]any{
			"plugins.enabled": true, "plugins.checksums.existingConfigMap": "mine",
			"plugins.checksums.text": strings.Repeat("a", 64) + "  protocol-grpc-a",
		}, "plugins.checksums.text and plugins.checksums.existingConfigMap"},
		{"a volume to write to that cannot be", map[string]any{
			"plugins.enabled": true, "plugins.accessModes": []any{"ReadOnlyMany"}, "plugins.install.image": "plugins:1",
		}, "plugins.accessModes has only ReadOnlyMany"},
		{"a volume to write to that cannot be", map[string]any{
			"plugins.enabled": true, "plugins.accessModes": []any{"ReadOnlyMany"}, "plugins.readOnly": false,
		}, "plugins.accessModes has only ReadOnlyMany"},
		{"a volume of one pod for several", map[string]any{
			"plugins.enabled": true, "plugins.accessModes": []any{"ReadWriteOncePod"}, "replicaCount": 2,
		}, "plugins.accessModes has only ReadWriteOncePod"},
		{"two mounts at one place", map[string]any{"plugins.enabled": true, "plugins.mountPath": "/data/"},
			"plugins.mountPath is /data"},
		{"two mounts at one place", map[string]any{
			"plugins.enabled": true, "plugins.mountPath": "/podinfo/config", "config.files": map[string]any{"a.txt": "a"},
		}, "plugins.mountPath is /podinfo/config"},
		{"two mounts at one place", map[string]any{
			"plugins.enabled": true, "plugins.mountPath": "/data/cert", "tls.enabled": true,
		}, "plugins.mountPath is /data/cert"},
		{"a Secret both given and made", map[string]any{"jwt.generate": true, "jwt.existingSecret": "mine"},
			"jwt.existingSecret and jwt.generate"},
	}
	for i, tt := range tests {
		t.Run(fmt.Sprintf("%s/%d", tt.name, i), func(t *testing.T) {
			t.Parallel()
			if _, err := render(t, expand(tt.values)); err == nil || !complains(err, tt.want) {
				t.Errorf("%s: the message is %v, want a line with %q", compact(tt.values), err, tt.want)
			}
		})
	}
}

// People write numbers as text, leave a value empty, and take a default away with null.
func TestTheUsualWaysToWriteValuesAreTaken(t *testing.T) {
	t.Parallel()
	plain := mustRender(t, nil)
	tests := []struct {
		name    string
		values  map[string]any // in short
		changes []string
	}{
		{"numbers as text", map[string]any{
			"replicaCount": "1", "service.httpPort": "9898", "service.externalPort": "9898", "service.grpcPort": "9999",
			"service.metricsPort": "9797", "probes.liveness.periodSeconds": "10",
		}, nil},
		{"text as numbers", map[string]any{"image.tag": 1.5, "resources.requests.cpu": 1, "ui.message": 1}, []string{
			`Deployment/podinfo container.env[PODINFO_UI_MESSAGE]: + { "name": "PODINFO_UI_MESSAGE", "value": "1" }`,
			`Deployment/podinfo container.image: "ghcr.io/podinfo-targets/podinfo:6.15.0" -> ` +
				`"ghcr.io/podinfo-targets/podinfo:1.5"`,
			`Deployment/podinfo container.resources.requests.cpu: "5m" -> 1`,
			`Pod/podinfo-grpc-test spec.containers[grpc].image: "ghcr.io/podinfo-targets/podinfo:6.15.0" -> ` +
				`"ghcr.io/podinfo-targets/podinfo:1.5"`,
			`Pod/podinfo-jwt-test spec.containers[jwt].image: "ghcr.io/podinfo-targets/podinfo:6.15.0" -> ` +
				`"ghcr.io/podinfo-targets/podinfo:1.5"`,
			`Pod/podinfo-service-test spec.containers[service].image: "ghcr.io/podinfo-targets/podinfo:6.15.0" -> ` +
				`"ghcr.io/podinfo-targets/podinfo:1.5"`,
		}},
		{"empty text", map[string]any{
			"host": "", "backend": "", "cache": "", "service.hostPort": "", "hpa.cpu": "", "hpa.memory": "",
			"hooks.preInstall.job.sleepSeconds": "", "service.trafficDistribution": "",
		}, nil},
		{"global values", map[string]any{"global": map[string]any{"anything": map[string]any{"goes": true}}}, nil},
		{"Redis over every scheme", map[string]any{"cache": "rediss://user:p%40ss@cache:6380/1"}, []string{
			`Deployment/podinfo container.command: + "--cache-server=rediss://user:p%40ss@cache:6380/1"`,
			`+ Pod/podinfo-cache-test`,
		}},
		{"autoscaling from what Kubernetes takes", map[string]any{"hpa.enabled": true, "replicaCount": nil}, []string{
			`Deployment/podinfo spec.replicas: - 1`, `+ HorizontalPodAutoscaler/podinfo`,
		}},
		{"the condition of a parent chart", map[string]any{"enabled": true}, nil},
		{"a large number as text", map[string]any{"ui.message": 1234567}, []string{
			`Deployment/podinfo container.env[PODINFO_UI_MESSAGE]: + { "name": "PODINFO_UI_MESSAGE", "value": "1234567" }`,
		}},
		{"port 0 for no server", map[string]any{"service.grpcPort": 0, "service.metricsPort": 0}, []string{
			`Deployment/podinfo container.command: - "--port-metrics=9797"`,
			`Deployment/podinfo container.command: - "--grpc-port=9999"`,
			`Deployment/podinfo container.ports[grpc]: - ` +
				`{ "containerPort": 9999, "name": "grpc", "protocol": "TCP" }`,
			`Deployment/podinfo container.ports[http-metrics]: - ` +
				`{ "containerPort": 9797, "name": "http-metrics", "protocol": "TCP" }`,
			`- Pod/podinfo-grpc-test`,
			`Service/podinfo spec.ports[grpc]: - ` +
				`{ "name": "grpc", "port": 9999, "protocol": "TCP", "targetPort": "grpc" }`,
		}},
		{"the user of the image", map[string]any{"service.enabled": false, "podSecurityContext.runAsUser": nil}, []string{
			`Deployment/podinfo pod.securityContext.runAsUser: - 65532`,
			`- Pod/podinfo-grpc-test`, `- Pod/podinfo-jwt-test`, `- Pod/podinfo-service-test`, `- Service/podinfo`,
		}},
		{"root after all", map[string]any{
			"service.enabled": false, "securityContext.runAsUser": 0, "securityContext.runAsNonRoot": false,
		}, []string{
			`Deployment/podinfo container.securityContext.runAsNonRoot: + false`,
			`Deployment/podinfo container.securityContext.runAsUser: + 0`,
			`- Pod/podinfo-grpc-test`, `- Pod/podinfo-jwt-test`, `- Pod/podinfo-service-test`, `- Service/podinfo`,
		}},
		{"a request for nothing", map[string]any{"resources.requests.cpu": 0}, []string{
			`Deployment/podinfo container.resources.requests.cpu: "5m" -> 0`,
		}},
		{"the Service of Flagger", map[string]any{
			"service.enabled": false, "ingress.enabled": true, "httpRoute.enabled": true, "grpcRoute.enabled": true,
			"serviceMonitor.enabled": true,
		}, []string{
			`+ GRPCRoute/podinfo`, `+ HTTPRoute/podinfo`, `+ Ingress/podinfo`,
			`- Pod/podinfo-grpc-test`, `- Pod/podinfo-jwt-test`, `- Pod/podinfo-service-test`,
			`- Service/podinfo`, `+ ServiceMonitor/podinfo`,
		}},
		{"a certificate before HTTPS", map[string]any{"certificate.create": true}, []string{"+ Certificate/podinfo"}},
		{"one budget instead of another", map[string]any{
			"replicaCount":        2,
			"podDisruptionBudget": map[string]any{"minAvailable": nil, "maxUnavailable": 1},
		}, []string{`Deployment/podinfo spec.replicas: 1 -> 2`, `+ PodDisruptionBudget/podinfo`}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if got := diff(plain, mustRender(t, expand(tt.values))); !slices.Equal(got, tt.changes) {
				t.Errorf("the render changes by\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(tt.changes, "\n"))
			}
		})
	}
}

// Null takes a default away. Whatever the chart can do without it then does without, and what is left is valid.
func TestEveryDefaultCanBeTakenAway(t *testing.T) {
	t.Parallel()
	known := read[map[string]any](t, filepath.Join(chart, "values.yaml"))
	needed := []string{"image", "service"}
	for _, key := range slices.Sorted(maps.Keys(known)) {
		t.Run(key, func(t *testing.T) {
			t.Parallel()
			out, err := render(t, map[string]any{key: nil})
			if slices.Contains(needed, key) {
				if err == nil || !complains(err, "missing property '"+key+"'") {
					t.Errorf("the message is %v, want one that says that %s is missing", err, key)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			decode(t, out)
		})
	}
}
