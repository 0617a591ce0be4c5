package otel

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/compose-spec/compose-go/v2/types"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/kustomize/api/krusty"
	"sigs.k8s.io/kustomize/kyaml/filesys"

	"github.com/podinfo-targets/podinfo/test/deploy/internal/manifest"
)

const kubernetesDir = "../../../deploy/otel/kubernetes"

// build makes the manifests as kubectl kustomize does, which reads no file outside of a kustomization's folder.
func build(t *testing.T) manifest.Objects {
	t.Helper()
	made, err := krusty.MakeKustomizer(krusty.MakeDefaultOptions()).Run(filesys.MakeFsOnDisk(), kubernetesDir)
	if err != nil {
		t.Fatal(err)
	}
	text, err := made.AsYaml()
	if err != nil {
		t.Fatal(err)
	}
	return manifest.Read(t, text)
}

func TestKubernetesManifestsAreSecure(t *testing.T) {
	t.Parallel()
	objects := build(t)
	manifest.Secure(t, objects)
	namespace := manifest.Get[*corev1.Namespace](t, objects, "podinfo-otel")
	for _, mode := range []string{"enforce", "warn", "audit"} {
		if level := namespace.Labels["pod-security.kubernetes.io/"+mode]; level != "restricted" {
			t.Errorf("the namespace %ss the Pod Security level %q", mode, level)
		}
	}
	for _, d := range all[*appsv1.Deployment](objects) {
		for _, c := range d.Spec.Template.Spec.Containers {
			if c.Resources.Limits.Memory().IsZero() {
				t.Errorf("%s: the memory is not bounded", d.Name)
			}
			if c.ReadinessProbe == nil || c.LivenessProbe == nil {
				t.Errorf("%s: a probe is missing", d.Name)
			}
		}
	}
}

// TestStoreFitsItsVolume shows that podinfo refuses what its volume has no room for: kubelet would evict it otherwise.
func TestStoreFitsItsVolume(t *testing.T) {
	t.Parallel()
	objects, project := build(t), loadCompose(t)
	for _, name := range []string{"frontend", "backend"} {
		with := project.Services[name]
		if size := with.Environment["PODINFO_STORE_MAX_SIZE"]; size == nil || atoi(t, *size) >= room(t, with)<<20 {
			t.Errorf("%s: Compose gives /data no room for all that the store may hold", name)
		}
		pod := manifest.Get[*appsv1.Deployment](t, objects, "podinfo-"+name).Spec.Template.Spec
		variable := slices.IndexFunc(pod.Containers[0].Env, func(v corev1.EnvVar) bool {
			return v.Name == "PODINFO_STORE_MAX_SIZE"
		})
		limit := int(pod.Volumes[0].EmptyDir.SizeLimit.Value())
		if variable < 0 || atoi(t, pod.Containers[0].Env[variable].Value) >= limit {
			t.Errorf("%s: the volume has %d bytes, which is no room for all that the store may hold", name, limit)
		}
	}
}

func atoi(t *testing.T, number string) int {
	t.Helper()
	count, err := strconv.Atoi(number)
	if err != nil {
		t.Fatal(err)
	}
	return count
}

// all returns the objects of one type.
func all[T any](objects manifest.Objects) []T {
	var found []T
	for _, object := range objects {
		if typed, ok := object.(T); ok {
			found = append(found, typed)
		}
	}
	return found
}

// TestKubernetesServicesLeadToPods shows that every Service selects the pods of a Deployment, which have its ports.
func TestKubernetesServicesLeadToPods(t *testing.T) {
	t.Parallel()
	objects := build(t)
	for _, s := range all[*corev1.Service](objects) {
		d := manifest.Get[*appsv1.Deployment](t, objects, s.Name)
		for name, value := range s.Spec.Selector {
			if d.Spec.Template.Labels[name] != value || d.Spec.Selector.MatchLabels[name] != value {
				t.Errorf("the Service %s selects %s=%s, which its pods are not", s.Name, name, value)
			}
		}
		ports := d.Spec.Template.Spec.Containers[0].Ports
		for _, port := range s.Spec.Ports {
			if !slices.ContainsFunc(ports, func(p corev1.ContainerPort) bool {
				return p.Name == port.TargetPort.StrVal && p.ContainerPort == port.Port
			}) {
				t.Errorf("the Service %s leads to the port %s, which its pods do not have", s.Name, port.TargetPort.StrVal)
			}
		}
	}
}

// TestKubernetesMountsTheConfiguration shows that each file of the configuration is mounted, where Compose mounts it.
func TestKubernetesMountsTheConfiguration(t *testing.T) {
	t.Parallel()
	objects := build(t)
	project := loadCompose(t)
	for name, s := range project.Services {
		for _, config := range s.Configs {
			want, err := os.ReadFile(project.Configs[config.Source].File)
			if err != nil {
				t.Fatal(err)
			}
			d := manifest.Get[*appsv1.Deployment](t, objects, name)
			if got := mounted(objects, &d.Spec.Template.Spec, config.Target); got != string(want) {
				t.Errorf("%s finds at %s not what Compose mounts there, but %q", name, config.Target, got)
			}
		}
	}
}

// mounted returns the text of the file that the pod's first container has at path from a ConfigMap.
func mounted(objects manifest.Objects, pod *corev1.PodSpec, path string) string {
	for _, mount := range pod.Containers[0].VolumeMounts {
		if mount.MountPath != filepath.Dir(path) {
			continue
		}
		for _, volume := range pod.Volumes {
			if volume.Name != mount.Name {
				continue
			}
			for _, name := range configMaps(volume) {
				for _, c := range all[*corev1.ConfigMap](objects) {
					if text, has := c.Data[filepath.Base(path)]; c.Name == name && has {
						return text
					}
				}
			}
		}
	}
	return ""
}

func configMaps(volume corev1.Volume) []string {
	switch {
	case volume.ConfigMap != nil:
		return []string{volume.ConfigMap.Name}
	case volume.Projected != nil:
		var names []string
		for _, source := range volume.Projected.Sources {
			names = append(names, source.ConfigMap.Name)
		}
		return names
	}
	return nil
}

// TestKubernetesRunsWhatComposeRuns holds the images, users, arguments, environments and writable directories of the
// two against each other.
func TestKubernetesRunsWhatComposeRuns(t *testing.T) {
	t.Parallel()
	objects := build(t)
	for name, s := range loadCompose(t).Services {
		deployment, podinfo := name, strings.Contains(s.Image, "podinfo")
		if podinfo {
			deployment = "podinfo-" + name
		}
		pod := manifest.Get[*appsv1.Deployment](t, objects, deployment).Spec.Template.Spec
		c := pod.Containers[0]
		if c.Image != s.Image {
			t.Errorf("%s is %s on Kubernetes and %s with Compose", name, c.Image, s.Image)
		}
		user := fmt.Sprintf("%d:%d", *pod.SecurityContext.RunAsUser, *pod.SecurityContext.RunAsGroup)
		if user != s.User {
			t.Errorf("%s is user %s on Kubernetes and %s with Compose", name, user, s.User)
		}
		on, with := slices.Concat(c.Command, c.Args), slices.Concat(s.Entrypoint, s.Command)
		if !podinfo && !slices.Equal(on, []string(with)) {
			t.Errorf("%s is started with %q on Kubernetes and %q with Compose", name, on, with)
		}
		if diff := environments(c.Env, s.Environment); len(diff) > 0 {
			t.Errorf("%s differs in %v on Kubernetes and with Compose", name, diff)
		}
		for _, tmpfs := range s.Tmpfs {
			if path, _, _ := strings.Cut(tmpfs, ":"); !writable(pod, path) {
				t.Errorf("%s can write to %s with Compose only", name, path)
			}
		}
	}
}

// environments lists the variables that are not the same in both. What Kubernetes knows of its pods is left out.
func environments(on []corev1.EnvVar, with types.MappingWithEquals) []string {
	values := map[string]string{}
	for _, v := range on {
		if v.ValueFrom == nil && !strings.Contains(v.Value, "$(") {
			values[v.Name] = v.Value
		}
	}
	var differ []string
	for name, value := range with {
		if got, has := values[name]; !has || got != *value {
			differ = append(differ, name)
		}
		delete(values, name)
	}
	return slices.AppendSeq(differ, maps.Keys(values))
}

// writable tells whether the pod's first container has an empty directory of its own at path.
func writable(pod corev1.PodSpec, path string) bool {
	return slices.ContainsFunc(pod.Containers[0].VolumeMounts, func(m corev1.VolumeMount) bool {
		return m.MountPath == path && !m.ReadOnly && slices.ContainsFunc(pod.Volumes, func(v corev1.Volume) bool {
			return v.Name == m.Name && v.EmptyDir != nil
		})
	})
}

// TestKubernetesNamesMeet shows that what one pod calls another is the name of a Service, with that port.
func TestKubernetesNamesMeet(t *testing.T) {
	t.Parallel()
	objects := build(t)
	address := regexp.MustCompile(`(?:http|tcp)://([a-z-]+):(\d+)`)
	found := 0
	for _, d := range all[*appsv1.Deployment](objects) {
		c := d.Spec.Template.Spec.Containers[0]
		texts := slices.Concat(c.Command, c.Args)
		for _, v := range c.Env {
			texts = append(texts, v.Value)
		}
		for _, match := range address.FindAllStringSubmatch(strings.Join(texts, " "), -1) {
			found++
			service := manifest.Get[*corev1.Service](t, objects, match[1])
			if !slices.ContainsFunc(service.Spec.Ports, func(p corev1.ServicePort) bool {
				return strconv.Itoa(int(p.Port)) == match[2]
			}) {
				t.Errorf("%s calls %s, which has no such port", d.Name, match[0])
			}
		}
	}
	if found < 4 {
		t.Errorf("found only %d addresses: two of the collector, one of the backend and one of Redis are wanted", found)
	}
}

// TestPodsTellTheCollectorWhoTheyAre shows that each podinfo sends what the collector makes labels from.
func TestPodsTellTheCollectorWhoTheyAre(t *testing.T) {
	t.Parallel()
	config, err := os.ReadFile(root + "/deploy/otel/config/collector.yaml")
	if err != nil {
		t.Fatal(err)
	}
	wanted := regexp.MustCompile(`from_attribute: (k8s[a-z.]+)`).FindAllSubmatch(config, -1)
	if len(wanted) < 2 {
		t.Fatal("the collector takes neither the namespace nor the pod")
	}
	for _, name := range []string{"podinfo-frontend", "podinfo-backend"} {
		env := manifest.Get[*appsv1.Deployment](t, build(t), name).Spec.Template.Spec.Containers[0].Env
		at := slices.IndexFunc(env, func(v corev1.EnvVar) bool { return v.Name == "OTEL_RESOURCE_ATTRIBUTES" })
		if at < 0 {
			t.Fatalf("%s has no OTEL_RESOURCE_ATTRIBUTES", name)
		}
		for _, attribute := range wanted {
			if !strings.Contains(","+env[at].Value, ","+string(attribute[1])+"=$(") {
				t.Errorf("%s does not tell its %s", name, attribute[1])
			}
		}
	}
}

// TestVersionsAreTheTestedOnes holds the images' versions against those of the code that these tests run.
func TestVersionsAreTheTestedOnes(t *testing.T) {
	t.Parallel()
	services := loadCompose(t).Services
	for _, c := range []struct{ service, file, pattern, prefix string }{
		{"collector", "testdata/builder.yaml", `(?m)^  version: (.*)$`, ":"},
		// Prometheus' module 0.316.0 is the program's release 3.16.0.
		{"prometheus", "../go.mod", `github.com/prometheus/prometheus v0\.3(\d+\.\d+)`, ":v3."},
	} {
		text, err := os.ReadFile(c.file)
		if err != nil {
			t.Fatal(err)
		}
		found := regexp.MustCompile(c.pattern).FindSubmatch(text)
		if found == nil {
			t.Fatalf("%s names no version", c.file)
		}
		if want := c.prefix + string(found[1]); !strings.HasSuffix(services[c.service].Image, want) {
			t.Errorf("the image of %s is %s, and the tests run %s", c.service, services[c.service].Image, want)
		}
	}
}
