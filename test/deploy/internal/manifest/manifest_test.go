package manifest

import (
	"slices"
	"strings"
	"testing"

	monitoringv1 "github.com/prometheus-operator/prometheus-operator/pkg/apis/monitoring/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime"
)

const secure = `
apiVersion: v1
kind: Pod
metadata:
  name: secure
spec:
  automountServiceAccountToken: false
  securityContext:
    runAsNonRoot: true
    runAsUser: 65532
    runAsGroup: 65532
    seccompProfile: {type: RuntimeDefault}
  containers:
    - name: one
      image: registry.example.com:5000/image:1.2.3
      resources: {requests: {cpu: 1m, memory: 1Mi}}
      securityContext:
        allowPrivilegeEscalation: false
        readOnlyRootFilesystem: true
        capabilities: {drop: [ALL]}
`

func TestReadIsStrict(t *testing.T) {
	t.Parallel()
	for name, manifest := range map[string]string{
		"unknown field":                   "apiVersion: v1\nkind: Pod\nmetadata: {name: a}\nspec: {containerz: []}\n",
		"field twice":                     "apiVersion: v1\nkind: Pod\nmetadata: {name: a, name: b}\n",
		"unknown kind":                    "apiVersion: v1\nkind: Pot\n",
		"wrong type":                      "apiVersion: v1\nkind: Pod\nspec: {hostNetwork: often}\n",
		"unknown field of another's kind": "apiVersion: monitoring.coreos.com/v1\nkind: PodMonitor\nspec: {selektor: {}}\n",
	} {
		more := []func(*runtime.Scheme) error{monitoringv1.AddToScheme}
		if objects, err := read([]byte(manifest), typed, more); err == nil {
			t.Errorf("%s: read as %v, want an error", name, objects.Names())
		}
	}
}

func TestReadKeepsTheOrder(t *testing.T) {
	t.Parallel()
	objects := Read(t, []byte("apiVersion: v1\nkind: Service\nmetadata: {name: b}\n---\n"+secure))
	if want := []string{"Service/b", "Pod/secure"}; !slices.Equal(objects.Names(), want) {
		t.Errorf("read %v, want %v", objects.Names(), want)
	}
	if pod := Get[*corev1.Pod](t, objects, "secure"); len(pod.Spec.Containers) != 1 {
		t.Errorf("the pod has %d containers, want 1", len(pod.Spec.Containers))
	}
}

func TestReadAllIsStrictWithWhatItKnows(t *testing.T) {
	t.Parallel()
	objects := ReadAll(t, []byte("# nothing\n---\napiVersion: v1\nkind: Pot\nmetadata: {name: tea}\n---\n"+secure))
	if want := []string{"Pot/tea", "Pod/secure"}; !slices.Equal(objects.Names(), want) {
		t.Errorf("read %v, want %v", objects.Names(), want)
	}
	for name, manifest := range map[string]string{
		"unknown field of a known kind": "apiVersion: v1\nkind: Pod\nmetadata: {name: a}\nspec: {containerz: []}\n",
		"field twice of an unknown one": "apiVersion: v1\nkind: Pot\nmetadata: {name: a, name: b}\n",
	} {
		if objects, err := read([]byte(manifest), typedOrNot, nil); err == nil {
			t.Errorf("%s: read as %v, want an error", name, objects.Names())
		}
	}
}

func TestComplaints(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ name, from, to, want string }{
		{"secure", "", "", ""},
		{"root", "runAsNonRoot: true", "runAsNonRoot: false", "restricted"},
		{"escalation", "allowPrivilegeEscalation: false", "allowPrivilegeEscalation: true", "restricted"},
		{"host path", "  containers:", "  volumes: [{name: a, hostPath: {path: /}}]\n  containers:", "restricted"},
		{"writable root", "readOnlyRootFilesystem: true", "readOnlyRootFilesystem: false", "readOnlyRootFilesystem"},
		{"no group", "    runAsGroup: 65532\n", "", "runAsGroup"},
		{"token", "automountServiceAccountToken: false", "automountServiceAccountToken: true", "automount"},
		{"no tag", "image:1.2.3", "image", "neither a version"},
		{"latest", "image:1.2.3", "image:latest", "neither a version"},
		{"no requests", "cpu: 1m, ", "", "requests"},
	} {
		objects := Read(t, []byte(strings.Replace(secure, test.from, test.to, 1)))
		metadata, spec := pod(objects[0])
		got := strings.Join(complaints(metadata, spec), "; ")
		if (test.want == "") != (got == "") || !strings.Contains(got, test.want) {
			t.Errorf("%s: complaints %q, want one with %q", test.name, got, test.want)
		}
	}
}
