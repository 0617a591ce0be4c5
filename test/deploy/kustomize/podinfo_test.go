package kustomize

import (
	"slices"
	"strings"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	autoscalingv2 "k8s.io/api/autoscaling/v2"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/api/resource"
	"k8s.io/apimachinery/pkg/util/intstr"

	"github.com/podinfo-targets/podinfo/shared/version"
	"github.com/podinfo-targets/podinfo/test/deploy/internal/manifest"
)

const image = "ghcr.io/podinfo-targets/podinfo:" + version.Version

// fact is one thing that users of the established kustomization rely on.
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

// value is what p points at, or nil: a field that is left out differs from one that holds its zero value.
func value[T any](p *T) any {
	if p == nil {
		return nil
	}
	return *p
}

func podinfo(t *testing.T) manifest.Objects {
	t.Helper()
	return manifest.Read(t, build(t, root))
}

func TestObjects(t *testing.T) {
	t.Parallel()
	got := podinfo(t).Names()
	slices.Sort(got)
	want := []string{"Deployment/podinfo", "HorizontalPodAutoscaler/podinfo", "Service/podinfo"}
	if !slices.Equal(got, want) {
		t.Errorf("the kustomization holds %v, want %v", got, want)
	}
}

func TestDeployment(t *testing.T) {
	t.Parallel()
	deployment := manifest.Get[*appsv1.Deployment](t, podinfo(t), "podinfo")
	spec, app := deployment.Spec, map[string]string{"app": "podinfo"}
	check(t, []fact{
		{"namespace", deployment.Namespace, ""},
		{"labels", deployment.Labels, app},
		{"selector", spec.Selector.MatchLabels, app},
		{"the pods' labels", spec.Template.Labels, app},
		{"the pods' annotations", spec.Template.Annotations,
			map[string]string{"prometheus.io/scrape": "true", "prometheus.io/port": "9797"}},
		{"replicas", value(spec.Replicas), nil},
		{"minReadySeconds", spec.MinReadySeconds, int32(3)},
		{"revisionHistoryLimit", value(spec.RevisionHistoryLimit), int32(5)},
		{"progressDeadlineSeconds", value(spec.ProgressDeadlineSeconds), int32(60)},
		{"strategy", spec.Strategy.Type, appsv1.RollingUpdateDeploymentStrategyType},
		{"maxUnavailable", value(spec.Strategy.RollingUpdate.MaxUnavailable), intstr.FromInt32(0)},
		{"volumes", spec.Template.Spec.Volumes, []corev1.Volume{{
			Name: "data", VolumeSource: corev1.VolumeSource{EmptyDir: &corev1.EmptyDirVolumeSource{}}}}},
	})
}

func TestContainer(t *testing.T) {
	t.Parallel()
	deployment := manifest.Get[*appsv1.Deployment](t, podinfo(t), "podinfo")
	containers := deployment.Spec.Template.Spec.Containers
	if len(containers) != 1 {
		t.Fatalf("the pod has %d containers, want 1", len(containers))
	}
	container := containers[0]
	check(t, []fact{
		{"name", container.Name, "podinfod"},
		{"image", container.Image, image},
		{"imagePullPolicy", container.ImagePullPolicy, corev1.PullIfNotPresent},
		{"command", strings.Join(container.Command, " "), "./podinfo --port=9898 --port-metrics=9797 --grpc-port=9999 " +
			"--grpc-service-name=podinfo --level=info --random-delay=false --random-error=false"},
		{"args", container.Args, []string(nil)},
		{"env", container.Env, []corev1.EnvVar{{Name: "PODINFO_UI_COLOR", Value: "#34577c"}}},
		{"ports", container.Ports, []corev1.ContainerPort{
			{Name: "http", ContainerPort: 9898, Protocol: corev1.ProtocolTCP},
			{Name: "http-metrics", ContainerPort: 9797, Protocol: corev1.ProtocolTCP},
			{Name: "grpc", ContainerPort: 9999, Protocol: corev1.ProtocolTCP},
		}},
		{"livenessProbe", value(container.LivenessProbe), probe("/healthz")},
		{"readinessProbe", value(container.ReadinessProbe), probe("/readyz")},
		{"resources", container.Resources, corev1.ResourceRequirements{
			Limits:   resources("2000m", "512Mi"),
			Requests: resources("100m", "64Mi"),
		}},
		{"volumeMounts", container.VolumeMounts, []corev1.VolumeMount{{Name: "data", MountPath: "/data"}}},
	})
}

func probe(path string) corev1.Probe {
	command := []string{"podcli", "check", "http", "localhost:9898" + path}
	return corev1.Probe{
		ProbeHandler:        corev1.ProbeHandler{Exec: &corev1.ExecAction{Command: command}},
		InitialDelaySeconds: 5,
		TimeoutSeconds:      5,
	}
}

func resources(cpu, memory string) corev1.ResourceList {
	return corev1.ResourceList{
		corev1.ResourceCPU:    resource.MustParse(cpu),
		corev1.ResourceMemory: resource.MustParse(memory),
	}
}

func TestService(t *testing.T) {
	t.Parallel()
	service := manifest.Get[*corev1.Service](t, podinfo(t), "podinfo")
	check(t, []fact{
		{"labels", service.Labels, map[string]string{"app": "podinfo"}},
		{"type", service.Spec.Type, corev1.ServiceTypeClusterIP},
		{"selector", service.Spec.Selector, map[string]string{"app": "podinfo"}},
		{"ports", service.Spec.Ports, []corev1.ServicePort{
			{Name: "http", Port: 9898, Protocol: corev1.ProtocolTCP, TargetPort: intstr.FromString("http")},
			{Name: "grpc", Port: 9999, Protocol: corev1.ProtocolTCP, TargetPort: intstr.FromString("grpc")},
		}},
	})
}

func TestAutoscaler(t *testing.T) {
	t.Parallel()
	autoscaler := manifest.Get[*autoscalingv2.HorizontalPodAutoscaler](t, podinfo(t), "podinfo")
	check(t, []fact{
		{"target", autoscaler.Spec.ScaleTargetRef, autoscalingv2.CrossVersionObjectReference{
			APIVersion: "apps/v1", Kind: "Deployment", Name: "podinfo"}},
		{"minReplicas", value(autoscaler.Spec.MinReplicas), int32(2)},
		{"maxReplicas", autoscaler.Spec.MaxReplicas, int32(4)},
		{"metrics", autoscaler.Spec.Metrics, []autoscalingv2.MetricSpec{cpuUtilization(99)}},
	})
}

func cpuUtilization(percent int32) autoscalingv2.MetricSpec {
	return autoscalingv2.MetricSpec{
		Type: autoscalingv2.ResourceMetricSourceType,
		Resource: &autoscalingv2.ResourceMetricSource{
			Name: corev1.ResourceCPU,
			Target: autoscalingv2.MetricTarget{
				Type: autoscalingv2.UtilizationMetricType, AverageUtilization: &percent,
			},
		},
	}
}
