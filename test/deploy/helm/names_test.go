package helm

import (
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/podinfo-targets/podinfo/shared/version"
)

const longName = "a-release-whose-name-is-as-long-as-helm-lets-it-be-which-is-53"

func TestNames(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, release, values string
		fullname, redis       string
	}{
		{"release by another name", "web", "", "web-podinfo", "web-podinfo-redis"},
		{"release with the chart's name", "my-podinfo-2", "", "my-podinfo-2", "my-podinfo-2-redis"},
		{"nameOverride", "web", "nameOverride: api", "web-api", "web-api-redis"},
		{"nameOverride in the release's name", "web-api", "nameOverride: api", "web-api", "web-api-redis"},
		{"fullnameOverride", "web", "fullnameOverride: api", "api", "api-redis"},
		{"63 characters", longName[:53], "", longName[:53] + "-podinfo", longName[:53] + "-pod-redis"},
		{
			"no dash at the cut", "web", "fullnameOverride: " + strings.Repeat("a", 62) + "-b",
			strings.Repeat("a", 62), strings.Repeat("a", 57) + "-redis",
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			out, err := template(t, tt.release, tt.values, "--set=redis.enabled=true,tls.enabled=true")
			if err != nil {
				t.Fatal(err)
			}
			got := parse(t, out)
			for _, name := range []string{
				"Deployment/" + tt.fullname, "Service/" + tt.fullname, "Deployment/" + tt.redis, "Service/" + tt.redis,
			} {
				if got[name] == nil {
					t.Errorf("there is no %s among %v", name, got.names())
				}
			}
			server := at(got["Deployment/"+tt.fullname], "spec", "template", "spec")
			if want := "--cache-server=tcp://" + tt.redis + ":6379"; !strings.Contains(compact(server), want) {
				t.Errorf("podinfo is not told %s: %s", want, compact(server))
			}
			for name := range got {
				if _, own, _ := strings.Cut(name, "/"); len(own) > 63 {
					t.Errorf("%s is longer than the 63 characters that Kubernetes allows", name)
				}
			}
		})
	}
}

// everything is the render of all objects that the chart has, in a namespace that is not the release's.
func everything(t *testing.T) objects {
	t.Helper()
	values, err := os.ReadFile(filepath.Join(chart, "ci", "everything-values.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	out, err := template(t, "web", string(values), "--set=namespaceOverride=elsewhere")
	if err != nil {
		t.Fatal(err)
	}
	return parse(t, out)
}

func TestEveryObjectHasItsLabelsAndNamespace(t *testing.T) {
	t.Parallel()
	for name, object := range everything(t) {
		if namespace := at(object, "metadata", "namespace"); namespace != "elsewhere" {
			t.Errorf("%s is in the namespace %v, not in that of namespaceOverride", name, namespace)
		}
		labels, _ := at(object, "metadata", "labels").(map[string]any)
		want := map[string]any{
			"helm.sh/chart":                "podinfo-" + version.Version,
			"app.kubernetes.io/version":    version.Version,
			"app.kubernetes.io/managed-by": "Helm",
		}
		for label, value := range want {
			if labels[label] != value {
				t.Errorf("%s has the label %s: %v, want %v", name, label, labels[label], value)
			}
		}
		if owner, _ := labels["app.kubernetes.io/name"].(string); !strings.HasPrefix(owner, "web-podinfo") {
			t.Errorf("%s has the label app.kubernetes.io/name: %q, want web-podinfo or a name that starts so", name, owner)
		}
		if instance, found := labels["app.kubernetes.io/instance"]; found {
			t.Errorf("%s has the label app.kubernetes.io/instance: %v, which selectors of old releases lack", name, instance)
		}
	}
}

// The selector of a Deployment cannot be changed, so an upgrade from the established chart needs this very one. And
// what selects podinfo must not select the pods of Redis, the hooks and the tests.
func TestSelectors(t *testing.T) {
	t.Parallel()
	all := everything(t)
	podinfo := map[string]any{"app.kubernetes.io/name": "web-podinfo"}
	redis := map[string]any{"app": "web-podinfo-redis"}
	selectors := []struct {
		name string
		keys []string
		want map[string]any
	}{
		{"Deployment/web-podinfo", []string{"spec", "selector", "matchLabels"}, podinfo},
		{"Service/web-podinfo", []string{"spec", "selector"}, podinfo},
		{"PodDisruptionBudget/web-podinfo", []string{"spec", "selector", "matchLabels"}, podinfo},
		{"ServiceMonitor/web-podinfo", []string{"spec", "selector", "matchLabels"}, podinfo},
		{"PodMonitor/web-podinfo", []string{"spec", "selector", "matchLabels"}, podinfo},
		{"NetworkPolicy/web-podinfo", []string{"spec", "podSelector", "matchLabels"}, podinfo},
		{"Deployment/web-podinfo-redis", []string{"spec", "selector", "matchLabels"}, redis},
		{"Service/web-podinfo-redis", []string{"spec", "selector"}, redis},
		{"NetworkPolicy/web-podinfo-redis", []string{"spec", "podSelector", "matchLabels"}, redis},
	}
	for _, s := range selectors {
		got, _ := at(all[s.name], s.keys...).(map[string]any)
		if !maps.Equal(got, s.want) {
			t.Errorf("%s selects by %v, want %v", s.name, got, s.want)
		}
	}
	for name, object := range all {
		labels := podLabels(object)
		if labels == nil {
			continue
		}
		isPodinfo, isRedis := name == "Deployment/web-podinfo", name == "Deployment/web-podinfo-redis"
		if got := selected(podinfo, labels); got != isPodinfo {
			t.Errorf("podinfo's selector takes pods of %s: %v, want %v", name, got, isPodinfo)
		}
		if got := selected(redis, labels); got != isRedis {
			t.Errorf("Redis' selector takes pods of %s: %v, want %v", name, got, isRedis)
		}
	}
}

// podLabels are the labels of the pods that an object makes, or nil when it makes none.
func podLabels(object map[string]any) map[string]any {
	labels := at(object, "spec", "template", "metadata", "labels")
	if object["kind"] == "Pod" {
		labels = at(object, "metadata", "labels")
	}
	found, _ := labels.(map[string]any)
	return found
}

func selected(selector, labels map[string]any) bool {
	for label, value := range selector {
		if labels[label] != value {
			return false
		}
	}
	return true
}

// ServiceMonitor finds the Service by its labels, and not that of Redis.
func TestServiceMonitorFindsTheService(t *testing.T) {
	t.Parallel()
	all := everything(t)
	selector, _ := at(all["ServiceMonitor/web-podinfo"], "spec", "selector", "matchLabels").(map[string]any)
	for _, service := range []string{"web-podinfo", "web-podinfo-redis"} {
		labels, _ := at(all["Service/"+service], "metadata", "labels").(map[string]any)
		if got, want := selected(selector, labels), service == "web-podinfo"; got != want {
			t.Errorf("the ServiceMonitor takes the Service %s: %v, want %v", service, got, want)
		}
	}
}

// People read the arguments in `kubectl describe` and patch them by their place: their order is part of the interface.
func TestOrderOfArgumentsAndPorts(t *testing.T) {
	t.Parallel()
	values := expand(map[string]any{
		"prefix": "/p", "host": "0.0.0.0", "tls.enabled": true, "backends": []any{"http://a", "http://b"},
		"cache": "tcp://c:6379", "faults.unhealthy": true, "faults.unready": true, "h2c.enabled": true,
		"config.path": "/c", "config.name": "n.yaml", "extraArgs": []any{"--read-only"},
	})
	containers, _ := at(mustRender(t, values)["Deployment/podinfo"], "spec", "template", "spec", "containers").([]any)
	if len(containers) != 1 || at(containers[0], "name") != "podinfo" {
		t.Fatalf("the containers are %s, want podinfo alone", compact(containers))
	}
	want := []any{
		"./podinfo", "--port=9898", "--prefix=/p", "--host=0.0.0.0", "--secure-port=9899", "--cert-path=/data/cert",
		"--port-metrics=9797", "--grpc-port=9999", "--grpc-service-name=podinfo",
		"--backend-url=http://a", "--backend-url=http://b", "--cache-server=tcp://c:6379",
		"--level=info", "--random-delay=false", "--random-error=false", "--unhealthy", "--unready", "--h2c",
		"--config-path=/c", "--config=n.yaml", "--read-only",
	}
	if got, _ := at(containers[0], "command").([]any); !slices.Equal(got, want) {
		t.Errorf("the command is\n%s\nwant\n%s", compact(got), compact(want))
	}
	var ports []any
	list, _ := at(containers[0], "ports").([]any)
	for _, port := range list {
		ports = append(ports, at(port, "name"), at(port, "containerPort"))
	}
	if want := []any{"http", 9898.0, "https", 9899.0, "http-metrics", 9797.0, "grpc", 9999.0}; !slices.Equal(ports, want) {
		t.Errorf("the ports are %v, want %v", ports, want)
	}
}

// The proxy of a mesh would keep a Job or a test from ever being over.
func TestPodsThatEndHaveNoSidecars(t *testing.T) {
	t.Parallel()
	for name, object := range everything(t) {
		annotations := at(object, "metadata", "annotations")
		switch object["kind"] {
		case "Pod":
		case "Job":
			annotations = at(object, "spec", "template", "metadata", "annotations")
		default:
			continue
		}
		if got := at(annotations, "sidecar.istio.io/inject"); got != "false" {
			t.Errorf("%s has the annotation sidecar.istio.io/inject: %v, want false", name, got)
		}
		if got := at(annotations, "linkerd.io/inject"); got != "disabled" {
			t.Errorf("%s has the annotation linkerd.io/inject: %v, want disabled", name, got)
		}
	}
}
