package manifest

import (
	"fmt"
	"strings"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/pod-security-admission/api"
	"k8s.io/pod-security-admission/policy"
)

// Secure fails the test unless every pod that the objects make passes the Pod Security standard "restricted", by the
// code that the API server judges with, and the project's own rules: numeric users, a read-only root, no token of a
// service account, images pinned to a version, requests for CPU and memory.
func Secure(t testing.TB, objects Objects) {
	t.Helper()
	pods := 0
	for _, object := range objects {
		metadata, spec := pod(object)
		if spec == nil {
			continue
		}
		pods++
		for _, complaint := range complaints(metadata, spec) {
			t.Errorf("%s: %s", Name(object), complaint)
		}
	}
	if pods == 0 {
		t.Errorf("none of the objects makes a pod: %v", objects.Names())
	}
}

// pod returns what the object makes pods of, or nil when it makes none.
func pod(object runtime.Object) (*metav1.ObjectMeta, *corev1.PodSpec) {
	switch o := object.(type) {
	case *corev1.Pod:
		return &o.ObjectMeta, &o.Spec
	case *appsv1.Deployment:
		return &o.Spec.Template.ObjectMeta, &o.Spec.Template.Spec
	case *appsv1.DaemonSet:
		return &o.Spec.Template.ObjectMeta, &o.Spec.Template.Spec
	case *appsv1.StatefulSet:
		return &o.Spec.Template.ObjectMeta, &o.Spec.Template.Spec
	case *batchv1.Job:
		return &o.Spec.Template.ObjectMeta, &o.Spec.Template.Spec
	case *batchv1.CronJob:
		template := &o.Spec.JobTemplate.Spec.Template
		return &template.ObjectMeta, &template.Spec
	}
	return nil, nil
}

func complaints(metadata *metav1.ObjectMeta, spec *corev1.PodSpec) []string {
	var found []string
	if reason := restricted(metadata, spec); reason != "" {
		found = append(found, "Pod Security restricted refuses it: "+reason)
	}
	if spec.AutomountServiceAccountToken == nil || *spec.AutomountServiceAccountToken {
		found = append(found, "automountServiceAccountToken is not false")
	}
	for _, container := range append(append([]corev1.Container{}, spec.InitContainers...), spec.Containers...) {
		for _, complaint := range containerComplaints(spec.SecurityContext, &container) {
			found = append(found, fmt.Sprintf("container %s: %s", container.Name, complaint))
		}
	}
	return found
}

func restricted(metadata *metav1.ObjectMeta, spec *corev1.PodSpec) string {
	evaluator, err := policy.NewEvaluator(policy.DefaultChecks(), nil)
	if err != nil {
		return err.Error()
	}
	level := api.LevelVersion{Level: api.LevelRestricted, Version: api.LatestVersion()}
	result := policy.AggregateCheckResults(evaluator.EvaluatePod(level, metadata, spec))
	if result.Allowed {
		return ""
	}
	return result.ForbiddenDetail()
}

func containerComplaints(pod *corev1.PodSecurityContext, container *corev1.Container) []string {
	var found []string
	own := container.SecurityContext
	if own == nil {
		own = &corev1.SecurityContext{}
	}
	if pod == nil {
		pod = &corev1.PodSecurityContext{}
	}
	if own.ReadOnlyRootFilesystem == nil || !*own.ReadOnlyRootFilesystem {
		found = append(found, "readOnlyRootFilesystem is not true")
	}
	if (own.RunAsUser == nil && pod.RunAsUser == nil) || (own.RunAsGroup == nil && pod.RunAsGroup == nil) {
		found = append(found, "runAsUser or runAsGroup is not set")
	}
	if !Pinned(container.Image) {
		found = append(found, fmt.Sprintf("image %q has neither a version nor a digest", container.Image))
	}
	requests := container.Resources.Requests
	if requests.Cpu().IsZero() || requests.Memory().IsZero() {
		found = append(found, "requests for cpu and memory are not both set")
	}
	return found
}

// Pinned tells whether an image's reference has a digest, or a tag other than latest.
func Pinned(image string) bool {
	if strings.Contains(image, "@sha256:") {
		return true
	}
	name := image[strings.LastIndex(image, "/")+1:]
	_, tag, found := strings.Cut(name, ":")
	return found && tag != "" && tag != "latest"
}
