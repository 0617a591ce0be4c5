package gitops

import (
	"fmt"
	"net/url"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/Masterminds/semver/v3"
	helm "github.com/fluxcd/helm-controller/api/v2"
	kustomize "github.com/fluxcd/kustomize-controller/api/v1"
	"github.com/fluxcd/pkg/envsubst"
	source "github.com/fluxcd/source-controller/api/v1"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/kustomize/api/krusty"
	ktypes "sigs.k8s.io/kustomize/api/types"
	"sigs.k8s.io/kustomize/kyaml/filesys"
	"sigs.k8s.io/yaml"

	"github.com/podinfo-targets/podinfo/shared/version"
	"github.com/podinfo-targets/podinfo/test/deploy/internal/manifest"
)

// fluxObjects are all objects of deploy/flux.
func fluxObjects(t testing.TB) manifest.Objects {
	t.Helper()
	var found manifest.Objects
	for _, file := range examples(t) {
		if strings.HasPrefix(file, "deploy/flux/") {
			found = append(found, objects(t, file)...)
		}
	}
	return found
}

func TestSources(t *testing.T) {
	t.Parallel()
	among := fluxObjects(t)
	git := manifest.Get[*source.GitRepository](t, among, "podinfo")
	if !strings.HasSuffix(git.Spec.URL, "/podinfo-targets/podinfo") {
		t.Errorf("the GitRepository is at %s, which is not this repository", git.Spec.URL)
	}
	kept := *git.Spec.Ignore
	for _, file := range used(among) {
		top, _, _ := strings.Cut(strings.TrimPrefix(file, "./"), "/")
		if !slices.Contains(strings.Fields(kept), "!/"+top+"/") {
			t.Errorf("%s is not among what is kept of the repository:\n%s", file, kept)
		}
	}
	oci := manifest.Get[*source.OCIRepository](t, among, "podinfo")
	chart := chartFile(t)
	if layer := oci.Spec.LayerSelector; layer == nil || layer.MediaType != chartLayer ||
		layer.Operation != source.OCILayerCopy {
		t.Errorf("the OCIRepository takes the layer %+v, and the helm-controller wants the chart as it is", layer)
	}
	if path.Base(oci.Spec.URL) != chart.Name {
		t.Errorf("the OCIRepository is at %s; helm push puts the chart under its name, %s", oci.Spec.URL, chart.Name)
	}
	accepts, err := semver.NewConstraint(oci.Spec.Reference.SemVer)
	if err != nil {
		t.Fatal(err)
	}
	if !accepts.Check(semver.MustParse(chart.Version)) {
		t.Errorf("the OCIRepository takes versions %s, which leaves out that of the chart, %s", accepts, chart.Version)
	}
}

// used are the paths of the repository that Flux works on.
func used(among []runtime.Object) []string {
	var paths []string
	for _, release := range all[*helm.HelmRelease](among) {
		if release.Spec.Chart != nil {
			paths = append(paths, release.Spec.Chart.Spec.Chart)
		}
	}
	for _, k := range all[*kustomize.Kustomization](among) {
		paths = append(paths, k.Spec.Path)
	}
	return paths
}

// chartLayer is how helm push marks a chart (https://helm.sh/docs/topics/registries/).
const chartLayer = "application/vnd.cncf.helm.chart.content.v1.tar+gzip"

// editable are the kinds that the role "edit" lets Flux make, and that the chart makes for these examples.
var editable = []string{
	"ConfigMap", "Deployment", "HorizontalPodAutoscaler", "Pod", "PodDisruptionBudget", "Secret", "Service",
	"ServiceAccount",
}

// TestFluxHasTheRightsItNeeds and no more: the role "edit" of one namespace, with which nobody is given rights.
func TestFluxHasTheRightsItNeeds(t *testing.T) {
	t.Parallel()
	among := fluxObjects(t)
	binding := manifest.Get[*rbacv1.RoleBinding](t, among, "flux")
	if len(all[*rbacv1.RoleBinding](among))+len(all[*rbacv1.ClusterRoleBinding](among)) != 1 {
		t.Error("there is another binding beside the RoleBinding flux")
	}
	if role := binding.RoleRef; role.Kind != "ClusterRole" || role.Name != "edit" {
		t.Errorf("Flux has the %s %q, want the ClusterRole edit", role.Kind, role.Name)
	}
	want := []rbacv1.Subject{{Kind: "ServiceAccount", Name: "flux", Namespace: binding.Namespace}}
	if !slices.Equal(binding.Subjects, want) {
		t.Errorf("the role is given to %v, want %v", binding.Subjects, want)
	}
	plain := manifest.Get[*kustomize.Kustomization](t, among, "podinfo")
	accounts := map[string]string{plain.Name: plain.Spec.ServiceAccountName}
	made := build(t, plain, nil)
	for _, release := range all[*helm.HelmRelease](among) {
		accounts["the release "+release.Name] = release.Spec.ServiceAccountName
		made = append(made, render(t, release.Name, "--values="+valuesFile(t, release))...)
	}
	for name, account := range accounts {
		if account != "flux" {
			t.Errorf("%s is made as the service account %q, want flux", name, account)
		}
	}
	for _, object := range made {
		if kind := object.GetObjectKind().GroupVersionKind().Kind; !slices.Contains(editable, kind) {
			t.Errorf("the examples make a %s; look whether the role edit allows it", kind)
		}
	}
}

type chart struct{ Name, Version, AppVersion string }

func chartFile(t testing.TB) chart {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(root, "deploy", "helm", "podinfo", "Chart.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	var c chart
	if err := yaml.Unmarshal(text, &c); err != nil {
		t.Fatal(err)
	}
	return c
}

func TestHelmReleases(t *testing.T) {
	t.Parallel()
	among := fluxObjects(t)
	for _, release := range all[*helm.HelmRelease](among) {
		t.Run(release.Name, func(t *testing.T) {
			t.Parallel()
			checkChart(t, among, release)
			checkCare(t, release)
			for _, needed := range release.Spec.DependsOn {
				manifest.Get[*helm.HelmRelease](t, among, needed.Name)
			}
		})
	}
}

func TestHelmReleasesRender(t *testing.T) {
	t.Parallel()
	releases := all[*helm.HelmRelease](fluxObjects(t))
	services := map[string]*corev1.Service{}
	for _, release := range releases {
		rendered := render(t, release.Name, "--values="+valuesFile(t, release))
		for _, deployment := range all[*appsv1.Deployment](rendered) {
			image := deployment.Spec.Template.Spec.Containers[0].Image
			if !strings.HasSuffix(image, ":"+version.Version) {
				t.Errorf("release %s runs %s, want version %s", release.Name, image, version.Version)
			}
		}
		for _, service := range all[*corev1.Service](rendered) {
			services[service.Name] = service
		}
	}
	for _, release := range releases {
		for _, backend := range backends(t, release) {
			if err := reaches(services, backend); err != nil {
				t.Errorf("release %s: %v", release.Name, err)
			}
		}
	}
}

// checkChart fails the test when a release's chart is not in the source that it names.
func checkChart(t testing.TB, among []runtime.Object, release *helm.HelmRelease) {
	t.Helper()
	if release.Spec.ChartRef != nil {
		manifest.Get[*source.OCIRepository](t, among, release.Spec.ChartRef.Name)
		return
	}
	spec := release.Spec.Chart.Spec
	manifest.Get[*source.GitRepository](t, among, spec.SourceRef.Name)
	if _, err := os.Stat(filepath.Join(root, spec.Chart, "Chart.yaml")); err != nil {
		t.Errorf("the chart %s: %v", spec.Chart, err)
	}
}

// checkCare fails the test when a release lacks what these examples are there to show.
func checkCare(t testing.TB, release *helm.HelmRelease) {
	t.Helper()
	spec := release.Spec
	if spec.Test == nil || !spec.Test.Enable {
		t.Error("the chart's tests are not run")
	}
	upgrade := spec.Upgrade.Remediation
	if spec.Install.Remediation == nil || upgrade == nil || !*upgrade.RemediateLastFailure {
		t.Error("a failed install or upgrade is not put right")
	}
	if spec.DriftDetection == nil || spec.DriftDetection.Mode != helm.DriftDetectionEnabled {
		t.Error("changes made by hand are not put back")
	}
	if spec.Timeout == nil {
		t.Error("there is no timeout")
	}
}

func backends(t testing.TB, release *helm.HelmRelease) []string {
	t.Helper()
	var values struct{ Backends []string }
	if err := yaml.Unmarshal(release.Spec.Values.Raw, &values); err != nil {
		t.Fatal(err)
	}
	return values.Backends
}

func valuesFile(t testing.TB, release *helm.HelmRelease) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "values.json")
	if err := os.WriteFile(file, release.Spec.Values.Raw, 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

// reaches tells why a URL does not lead to a port of one of the Services.
func reaches(services map[string]*corev1.Service, address string) error {
	u, err := url.Parse(address)
	if err != nil {
		return err
	}
	service, ok := services[u.Hostname()]
	if !ok {
		return fmt.Errorf("%s leads to no Service of these releases", address)
	}
	open := slices.ContainsFunc(service.Spec.Ports, func(p corev1.ServicePort) bool {
		return strconv.Itoa(int(p.Port)) == u.Port()
	})
	if !open {
		return fmt.Errorf("%s: the Service %s has no such port", address, service.Name)
	}
	return nil
}

func TestKustomizationBuilds(t *testing.T) {
	t.Parallel()
	among := fluxObjects(t)
	flux := manifest.Get[*kustomize.Kustomization](t, among, "podinfo")
	manifest.Get[*source.GitRepository](t, among, flux.Spec.SourceRef.Name)
	for _, c := range []struct {
		name    string
		cluster map[string]string
		message string
	}{
		{"without settings of the cluster", nil, "Hello from a cluster without a name, deployed by Flux"},
		{"with settings", map[string]string{"cluster_name": "staging"}, "Hello from staging, deployed by Flux"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			built := build(t, flux, c.cluster)
			for _, check := range flux.Spec.HealthChecks {
				found := slices.ContainsFunc(built, func(o runtime.Object) bool {
					kind := o.GetObjectKind().GroupVersionKind()
					meta := o.(metav1.Object)
					return kind.Kind == check.Kind && kind.GroupVersion().String() == check.APIVersion &&
						meta.GetName() == check.Name && meta.GetNamespace() == check.Namespace
				})
				if !found {
					t.Errorf("the health check %+v is of nothing that is built", check)
				}
			}
			container := manifest.Get[*appsv1.Deployment](t, built, "podinfo").Spec.Template.Spec.Containers[0]
			want := corev1.EnvVar{Name: "PODINFO_UI_MESSAGE", Value: c.message}
			if !slices.Contains(container.Env, want) {
				t.Errorf("the environment is %v, want %v in it", container.Env, want)
			}
		})
	}
}

// build does what the kustomize-controller does: it adds what the object says to the kustomization at its path, builds
// that, and replaces the variables in the result
// (https://fluxcd.io/flux/components/kustomize/kustomizations/#post-build-variable-substitution).
func build(t testing.TB, flux *kustomize.Kustomization, cluster map[string]string) manifest.Objects {
	t.Helper()
	overlay := ktypes.Kustomization{
		TypeMeta:  ktypes.TypeMeta{APIVersion: ktypes.KustomizationVersion, Kind: ktypes.KustomizationKind},
		Namespace: flux.Spec.TargetNamespace,
	}
	for _, patch := range flux.Spec.Patches {
		selector := &ktypes.Selector{}
		selector.Kind, selector.Name = patch.Target.Kind, patch.Target.Name
		overlay.Patches = append(overlay.Patches, ktypes.Patch{Patch: patch.Patch, Target: selector})
	}
	dir := t.TempDir()
	overlay.Resources = []string{relative(t, dir, flux.Spec.Path)}
	text, err := yaml.Marshal(overlay)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "kustomization.yaml"), text, 0o600); err != nil {
		t.Fatal(err)
	}
	resources, err := krusty.MakeKustomizer(krusty.MakeDefaultOptions()).Run(filesys.MakeFsOnDisk(), dir)
	if err != nil {
		t.Fatalf("%v in\n%s", err, text)
	}
	out, err := resources.AsYaml()
	if err != nil {
		t.Fatal(err)
	}
	replaced := substitute(t, string(out), flux.Spec.PostBuild.Substitute, cluster)
	return manifest.Read(t, []byte(replaced), types()...)
}

// relative returns the way from a directory to a path of the repository. Kustomize takes no absolute one.
func relative(t testing.TB, from, to string) string {
	t.Helper()
	target, err := filepath.Abs(filepath.Join(root, to))
	if err != nil {
		t.Fatal(err)
	}
	way, err := filepath.Rel(from, target)
	if err != nil {
		t.Fatal(err)
	}
	return way
}

// substitute replaces variables by what the Kustomization says of them, else by what the cluster does.
func substitute(t testing.TB, text string, own, cluster map[string]string) string {
	t.Helper()
	replaced, err := envsubst.Eval(text, func(name string) (string, bool) {
		if value, ok := own[name]; ok {
			return value, true
		}
		value, ok := cluster[name]
		return value, ok
	})
	if err != nil {
		t.Fatalf("%v in\n%s", err, text)
	}
	return replaced
}
