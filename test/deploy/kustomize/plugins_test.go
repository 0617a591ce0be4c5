package kustomize

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"

	"github.com/podinfo-targets/podinfo/shared/version"
	"github.com/podinfo-targets/podinfo/test/deploy/internal/manifest"
)

var example = regexp.MustCompile("(?s)```yaml\n(.*?)```")

// withPlugins writes the kustomization that the README shows, for the directory of this repository, and returns where.
func withPlugins(t *testing.T) string {
	t.Helper()
	readme, err := os.ReadFile(filepath.Join(root, "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	shown := example.FindSubmatch(readme)
	if shown == nil {
		t.Fatal("the README shows no kustomization")
	}
	dir, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	base, err := filepath.Abs(root)
	if err != nil {
		t.Fatal(err)
	}
	way, err := filepath.Rel(dir, base) // Kustomize takes no absolute one
	if err != nil {
		t.Fatal(err)
	}
	text := strings.ReplaceAll(string(shown[1]), "path/to/deploy/kustomize", way)
	if err := os.WriteFile(filepath.Join(dir, "kustomization.yaml"), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return dir
}

// TestPlugins holds the parts of the component together: one volume, which only the job writes to, and a place of its
// own for the copies that run.
func TestPlugins(t *testing.T) {
	t.Parallel()
	objects := manifest.Read(t, build(t, withPlugins(t)))
	claim := manifest.Get[*corev1.PersistentVolumeClaim](t, objects, "podinfo-plugins")
	server := manifest.Get[*appsv1.Deployment](t, objects, "podinfo").Spec.Template.Spec
	job := manifest.Get[*batchv1.Job](t, objects, "podinfo-install-plugins").Spec.Template.Spec
	env := map[string]string{}
	for _, v := range server.Containers[0].Env {
		env[v.Name] = v.Value
	}
	read, stage, write := mounted(server, "plugins"), mounted(server, "plugin-stage"), mounted(job, "plugins")
	check(t, []fact{
		{"the path of the plugins", env["PODINFO_PLUGINS_PATH"], read.MountPath},
		{"podinfo's mount is read-only", read.ReadOnly, true},
		{"podinfo's claim", volume(server, "plugins").PersistentVolumeClaim, &corev1.PersistentVolumeClaimVolumeSource{
			ClaimName: claim.Name, ReadOnly: true}},
		{"the path of the copies", env["PODINFO_PLUGINS_STAGE_PATH"], stage.MountPath},
		{"the path of the sockets", env["TMPDIR"], stage.MountPath},
		{"the mount of the copies is read-only", stage.ReadOnly, false},
		{"the copies are bounded", volume(server, "plugin-stage").EmptyDir.SizeLimit.IsZero(), false},
		{"the job's image", job.Containers[0].Image, "ghcr.io/podinfo-targets/podinfo-plugins:" + version.Version},
		{"the job's command", job.Containers[0].Command, []string{"/install", write.MountPath}},
		{"the job's volume hides the image's plugins", write.MountPath == "/plugins", false},
		{"the job's mount is read-only", write.ReadOnly, false},
		{"the job's claim", volume(job, "plugins").PersistentVolumeClaim.ClaimName, claim.Name},
	})
}

// TestMemoryForPlugins has a pod allow what podinfo and the sample plugins can take: each its bound, and one of them
// twice, as there are two of it while it is reloaded.
func TestMemoryForPlugins(t *testing.T) {
	t.Parallel()
	const podinfo, bound = 64 << 20, 256_000_000 // bound is the default of --plugin-max-memory
	samples, err := filepath.Glob(filepath.Join(root, "../../plugins/protocol-*"))
	if err != nil || len(samples) == 0 {
		t.Fatalf("sample plugins: %v, %v", samples, err)
	}
	objects := manifest.Read(t, build(t, withPlugins(t)))
	server := manifest.Get[*appsv1.Deployment](t, objects, "podinfo").Spec.Template.Spec
	limit := server.Containers[0].Resources.Limits.Memory().Value()
	if want := int64(podinfo + bound*(len(samples)+1)); limit < want || limit > want+want/10 {
		t.Errorf("the limit of memory is %d bytes, want %d or little more", limit, want)
	}
}

func mounted(pod corev1.PodSpec, volume string) corev1.VolumeMount {
	for _, mount := range pod.Containers[0].VolumeMounts {
		if mount.Name == volume {
			return mount
		}
	}
	return corev1.VolumeMount{}
}

func volume(pod corev1.PodSpec, name string) corev1.VolumeSource {
	for _, v := range pod.Volumes {
		if v.Name == name {
			return v.VolumeSource
		}
	}
	return corev1.VolumeSource{PersistentVolumeClaim: &corev1.PersistentVolumeClaimVolumeSource{},
		EmptyDir: &corev1.EmptyDirVolumeSource{}}
}
