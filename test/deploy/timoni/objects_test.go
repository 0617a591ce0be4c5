package timoni

import (
	"slices"
	"testing"

	monitoringv1 "github.com/prometheus-operator/prometheus-operator/pkg/apis/monitoring/v1"
	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/api/resource"
	"k8s.io/apimachinery/pkg/util/intstr"

	"github.com/podinfo-targets/podinfo/shared/version"
	"github.com/podinfo-targets/podinfo/test/deploy/internal/manifest"
)

const image = "ghcr.io/podinfo-targets/podinfo:" + version.Version

// everything has every object on.
const everything = `{
	ui: {message: "hello", backend: "http://backend:9898/echo"}
	autoscaling: {enabled: true, minReplicas: 2, maxReplicas: 4, memory: "100Mi"}
	ingress: {enabled: true, tls: true, className: "nginx"}
	monitoring: enabled: true
	caching: {enabled: true, redisURL: "tcp://redis:6379"}
	plugins: {enabled: true, claim: "plugins", mtls: true, checksums: "sums", adminToken: "admin"}
	test: enabled: true
}`

func read(t *testing.T, rendered []byte) manifest.Objects {
	t.Helper()
	return manifest.Read(t, rendered, monitoringv1.AddToScheme)
}

func TestRenders(t *testing.T) {
	t.Parallel()
	for name, values := range map[string]string{"defaults": "{}", "everything": everything} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			rendered := mustBuild(t, shop(values))
			manifest.Golden(t, "testdata/"+name+".yaml", rendered)
			manifest.Secure(t, read(t, rendered))
		})
	}
}

// Timoni applies the sets in their order, and waits for each. The test must come after what it tests.
func TestSets(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		values string
		want   []string
	}{
		{"{}", []string{"app"}},
		{"{test: enabled: true}", []string{"app", "test"}},
	} {
		sets, err := build(shop(test.values))
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, s := range sets {
			got = append(got, s.name)
		}
		if !slices.Equal(got, test.want) {
			t.Errorf("%s: the sets are %v, want %v", test.values, got, test.want)
		}
	}
}

// fact is one thing that users of the established module rely on.
type fact struct {
	name      string
	got, want any
}

func check(t *testing.T, facts []fact) {
	t.Helper()
	for _, f := range facts {
		if !equality.Semantic.DeepEqual(f.got, f.want) {
			t.Errorf("%s is %v, want %v", f.name, f.got, f.want)
		}
	}
}

func TestDefaults(t *testing.T) {
	t.Parallel()
	objects := read(t, mustBuild(t, shop("{}")))
	selector := map[string]string{"app.kubernetes.io/name": "shop"}
	deployment := manifest.Get[*appsv1.Deployment](t, objects, "shop")
	service := manifest.Get[*corev1.Service](t, objects, "shop")
	check(t, []fact{
		{"the objects", objects.Names(), []string{"ServiceAccount/shop", "Service/shop", "Deployment/shop"}},
		{"the namespace", deployment.Namespace, "market"},
		{"the labels", deployment.Labels, map[string]string{
			"app.kubernetes.io/name":       "shop",
			"app.kubernetes.io/version":    "1.2.3",
			"app.kubernetes.io/managed-by": "timoni",
		}},
		{"replicas", *deployment.Spec.Replicas, int32(1)},
		{"maxUnavailable", *deployment.Spec.Strategy.RollingUpdate.MaxUnavailable, intstr.FromString("50%")},
		{"the selector", deployment.Spec.Selector.MatchLabels, selector},
		{"the pods' labels", deployment.Spec.Template.Labels, selector},
		{"the pods' annotations", deployment.Spec.Template.Annotations,
			map[string]string{"prometheus.io/scrape": "true", "prometheus.io/port": "9797"}},
		{"the service account", deployment.Spec.Template.Spec.ServiceAccountName, "shop"},
		{"the Service's type", service.Spec.Type, corev1.ServiceTypeClusterIP},
		{"the Service's selector", service.Spec.Selector, selector},
		{"the Service's ports", service.Spec.Ports, []corev1.ServicePort{
			{Name: "http", Port: 80, Protocol: corev1.ProtocolTCP, TargetPort: intstr.FromString("http")}}},
	})
	container(t, deployment.Spec.Template.Spec.Containers[0])
}

func container(t *testing.T, container corev1.Container) {
	t.Helper()
	check(t, []fact{
		{"the container's name", container.Name, "shop"},
		{"the image", container.Image, image},
		{"imagePullPolicy", container.ImagePullPolicy, corev1.PullIfNotPresent},
		{"the command", container.Command,
			[]string{"./podinfo", "--level=info", "--port=9898", "--port-metrics=9797"}},
		{"env", container.Env, []corev1.EnvVar{{Name: "PODINFO_UI_COLOR", Value: "#34577c"}}},
		{"the ports", container.Ports, []corev1.ContainerPort{
			{Name: "http", ContainerPort: 9898, Protocol: corev1.ProtocolTCP},
			{Name: "http-metrics", ContainerPort: 9797, Protocol: corev1.ProtocolTCP},
		}},
		{"the liveness probe", *container.LivenessProbe, probe("/healthz")},
		{"the readiness probe", *container.ReadinessProbe, probe("/readyz")},
		{"the resources", container.Resources, corev1.ResourceRequirements{Requests: corev1.ResourceList{
			corev1.ResourceCPU:    resource.MustParse("10m"),
			corev1.ResourceMemory: resource.MustParse("32Mi"),
		}}},
	})
}

func probe(path string) corev1.Probe {
	return corev1.Probe{ProbeHandler: corev1.ProbeHandler{
		HTTPGet: &corev1.HTTPGetAction{Path: path, Port: intstr.FromString("http")}}}
}

func TestJob(t *testing.T) {
	t.Parallel()
	objects := read(t, mustBuild(t, shop(everything)))
	job := manifest.Get[*batchv1.Job](t, objects, "shop-test")
	pod := job.Spec.Template
	var commands [][]string
	for _, c := range pod.Spec.Containers {
		check(t, []fact{{c.Name + "'s image", c.Image, image}})
		commands = append(commands, c.Command)
	}
	check(t, []fact{
		{"made anew when it changes", job.Annotations["action.timoni.sh/force"], "enabled"},
		{"its pods are not the Service's", pod.Labels, map[string]string{"app.kubernetes.io/name": "shop-test"}},
		{"the checks", commands, [][]string{
			{"podcli", "check", "http", "http://shop:80/readyz", "--retry=9"},
			{"podcli", "check", "token", "http://shop:80", "--retry=9"},
			{"podcli", "check", "cache", "http://shop:80", "--retry=9"},
		}},
	})
}
