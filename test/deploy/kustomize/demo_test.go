package kustomize

import (
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	autoscalingv2 "k8s.io/api/autoscaling/v2"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	policyv1 "k8s.io/api/policy/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/podinfo-targets/podinfo/test/deploy/internal/manifest"
)

// overlay is what sets an overlay of the demo apart from the others.
type overlay struct {
	name        string
	minReplicas int32 // of the autoscalers; 0: there are none
	maxReplicas int32
	guarded     bool // by disruption budgets, topology spread and network policies
	env         map[string]string
	memory      string // requested by each podinfo
}

func overlays() []overlay {
	return []overlay{
		{name: "dev", env: map[string]string{"PODINFO_LEVEL": "debug", "PODINFO_LOG_REQUESTS": "true"}, memory: "32Mi"},
		{name: "staging", minReplicas: 2, maxReplicas: 4, memory: "32Mi"},
		{name: "production", minReplicas: 3, maxReplicas: 10, guarded: true,
			env: map[string]string{"PODINFO_READ_ONLY": "true"}, memory: "64Mi"},
	}
}

func TestOverlays(t *testing.T) {
	t.Parallel()
	for _, o := range overlays() {
		t.Run(o.name, func(t *testing.T) {
			t.Parallel()
			objects := manifest.Read(t, build(t, filepath.Join(root, "demo/overlays", o.name)))
			namespace(t, objects, "podinfo-"+o.name)
			for _, app := range []string{"frontend", "backend"} {
				workload(t, objects, app, o)
				autoscaler(t, objects, app, o)
				guards(t, objects, app, o)
			}
			cache(t, objects)
			services(t, objects)
		})
	}
}

// namespace checks that the overlay brings its namespace, that this enforces "restricted", and that all else is in it.
func namespace(t *testing.T, objects manifest.Objects, name string) {
	t.Helper()
	ns := manifest.Get[*corev1.Namespace](t, objects, name)
	for _, mode := range []string{"enforce", "audit", "warn"} {
		check(t, []fact{{mode, ns.Labels["pod-security.kubernetes.io/"+mode], "restricted"}})
	}
	for _, object := range objects {
		m := object.(metav1.Object)
		if _, isNamespace := object.(*corev1.Namespace); !isNamespace && m.GetNamespace() != name {
			t.Errorf("%s is in namespace %q, want %q", manifest.Name(object), m.GetNamespace(), name)
		}
	}
}

func workload(t *testing.T, objects manifest.Objects, app string, o overlay) {
	t.Helper()
	deployment := manifest.Get[*appsv1.Deployment](t, objects, app)
	container := deployment.Spec.Template.Spec.Containers[0]
	env := map[string]string{}
	for _, v := range container.Env {
		env[v.Name] = v.Value
	}
	backend := map[string]string{"frontend": "http://backend:9898/echo"}[app]
	check(t, []fact{
		{app + "'s image", container.Image, image},
		{app + "'s replicas", value(deployment.Spec.Replicas), nil},
		{app + "'s backend", env["PODINFO_BACKEND_URL"], backend},
		{app + "'s store has room", storeMaxSize(t, container) < sizeLimit(deployment.Spec.Template.Spec), true},
		{app + "'s memory request", container.Resources.Requests.Memory().String(), o.memory},
		{app + "'s topology spread", len(deployment.Spec.Template.Spec.TopologySpreadConstraints) > 0, o.guarded},
	})
	for name, want := range o.env {
		check(t, []fact{{app + "'s " + name, env[name], want}})
	}
}

// storeMaxSize is how much podinfo keeps in its volume, in bytes.
func storeMaxSize(t *testing.T, podinfo corev1.Container) int64 {
	t.Helper()
	for _, argument := range podinfo.Args {
		if size, is := strings.CutPrefix(argument, "--store-max-size="); is {
			bytes, err := strconv.ParseInt(size, 10, 64)
			if err != nil {
				t.Fatal(err)
			}
			return bytes
		}
	}
	return 1 << 30 // podinfo's default
}

// sizeLimit is what the pod's volume has room for, in bytes; kubelet evicts the pod for more. 0: there is no limit.
func sizeLimit(pod corev1.PodSpec) int64 {
	limit := pod.Volumes[0].EmptyDir.SizeLimit
	if limit == nil {
		return 0
	}
	return limit.Value()
}

func autoscaler(t *testing.T, objects manifest.Objects, app string, o overlay) {
	t.Helper()
	if o.minReplicas == 0 {
		if has[*autoscalingv2.HorizontalPodAutoscaler](objects) {
			t.Error("there is an autoscaler")
		}
		return
	}
	autoscaler := manifest.Get[*autoscalingv2.HorizontalPodAutoscaler](t, objects, app)
	check(t, []fact{
		{app + "'s autoscaler's target", autoscaler.Spec.ScaleTargetRef.Name, app},
		{app + "'s minReplicas", value(autoscaler.Spec.MinReplicas), o.minReplicas},
		{app + "'s maxReplicas", autoscaler.Spec.MaxReplicas, o.maxReplicas},
		{app + "'s metrics", autoscaler.Spec.Metrics, []autoscalingv2.MetricSpec{cpuUtilization(80)}},
	})
}

func guards(t *testing.T, objects manifest.Objects, app string, o overlay) {
	t.Helper()
	if !o.guarded {
		if has[*policyv1.PodDisruptionBudget](objects) || has[*networkingv1.NetworkPolicy](objects) {
			t.Error("there is a disruption budget or a network policy")
		}
		return
	}
	pods := labels.Set(manifest.Get[*appsv1.Deployment](t, objects, app).Spec.Template.Labels)
	budget := manifest.Get[*policyv1.PodDisruptionBudget](t, objects, app)
	check(t, []fact{
		{app + "'s budget selects its pods", selects(t, budget.Spec.Selector, pods), true},
		{app + "'s maxUnavailable", budget.Spec.MaxUnavailable.IntValue(), 1},
	})
}

func selects(t *testing.T, selector *metav1.LabelSelector, pods labels.Set) bool {
	t.Helper()
	s, err := metav1.LabelSelectorAsSelector(selector)
	if err != nil {
		t.Fatal(err)
	}
	return s.Matches(pods)
}

func has[T runtime.Object](objects manifest.Objects) bool {
	for _, object := range objects {
		if _, ok := object.(T); ok {
			return true
		}
	}
	return false
}

// cache checks that Redis is bounded, and that a change of its settings restarts it: the ConfigMap's name changes then.
func cache(t *testing.T, objects manifest.Objects) {
	t.Helper()
	deployment := manifest.Get[*appsv1.Deployment](t, objects, "cache")
	pod := deployment.Spec.Template.Spec
	settings := manifest.Get[*corev1.ConfigMap](t, objects, pod.Volumes[0].ConfigMap.Name)
	check(t, []fact{
		{"the cache's replicas", value(deployment.Spec.Replicas), int32(1)},
		{"the cache's memory limit", pod.Containers[0].Resources.Limits.Memory().String(), "128Mi"},
		{"the settings' name is their content's", settings.Name != "cache", true},
	})
}

// services checks that each app's Service selects its pods and nobody else's, and that every named port exists.
func services(t *testing.T, objects manifest.Objects) {
	t.Helper()
	for _, app := range []string{"frontend", "backend", "cache"} {
		service := manifest.Get[*corev1.Service](t, objects, app)
		selector := labels.SelectorFromSet(service.Spec.Selector)
		for _, other := range []string{"frontend", "backend", "cache"} {
			pods := manifest.Get[*appsv1.Deployment](t, objects, other).Spec.Template
			if got := selector.Matches(labels.Set(pods.Labels)); got != (app == other) {
				t.Errorf("the Service %s selects the pods of %s: %v", app, other, got)
			}
		}
		container := manifest.Get[*appsv1.Deployment](t, objects, app).Spec.Template.Spec.Containers[0]
		for _, port := range service.Spec.Ports {
			if !hasPort(container, port.TargetPort.StrVal) {
				t.Errorf("the Service %s leads to port %s, which its pods do not have", app, port.TargetPort.StrVal)
			}
		}
	}
}

func hasPort(container corev1.Container, name string) bool {
	for _, port := range container.Ports {
		if port.Name == name {
			return true
		}
	}
	return false
}

// The arrows of the demo, and nothing else, are what production's network policies allow inside its namespace.
func TestNetworkPolicies(t *testing.T) {
	t.Parallel()
	objects := manifest.Read(t, build(t, filepath.Join(root, "demo/overlays/production")))
	apps := []string{"frontend", "backend", "cache"}
	allowed := map[[2]string]bool{
		{"frontend", "backend"}: true, {"frontend", "cache"}: true, {"backend", "cache"}: true,
	}
	for _, from := range apps {
		for _, to := range apps {
			got := reaches(t, objects, from, to)
			// The frontend is open to everybody, but nobody in the namespace has a way out to it.
			if want := allowed[[2]string{from, to}]; got != want {
				t.Errorf("%s reaches %s: %v, want %v", from, to, got, want)
			}
		}
	}
}

// Towards other namespaces every pod asks the cluster's DNS and nobody else, Prometheus scrapes what podinfo measures,
// and only the frontend is open.
func TestNetworkPoliciesTowardsOthers(t *testing.T) {
	t.Parallel()
	objects := manifest.Read(t, build(t, filepath.Join(root, "demo/overlays/production")))
	in := func(namespace string) labels.Set { return labels.Set{corev1.LabelMetadataName: namespace} }
	dns := pod{in("kube-system"), labels.Set{"k8s-app": "kube-dns"}}
	prometheus := pod{in("monitoring"), labels.Set{"app.kubernetes.io/name": "prometheus"}}
	stranger := pod{in("elsewhere"), labels.Set{"app": "frontend"}}
	for _, app := range []string{"frontend", "backend", "cache"} {
		ingress, egress := rules(t, objects, app)
		check(t, []fact{
			{app + " asks the DNS by UDP", permit(t, egress, dns, "UDP/53"), true},
			{app + " asks the DNS by TCP", permit(t, egress, dns, "TCP/53"), true},
			{app + " calls a stranger", permit(t, egress, stranger, "TCP/http"), false},
			{"a stranger calls " + app, permit(t, ingress, stranger, "TCP/http"), app == "frontend"},
			{"a stranger scrapes " + app, permit(t, ingress, stranger, "TCP/http-metrics"), false},
			{"Prometheus scrapes " + app, permit(t, ingress, prometheus, "TCP/http-metrics"), app != "cache"},
		})
	}
}

// pod is the labels of a pod, and those of its namespace when that is not the demo's own.
type pod struct{ namespace, labels labels.Set }

// rule is what one policy permits in one direction.
type rule struct {
	ports []networkingv1.NetworkPolicyPort
	peers []networkingv1.NetworkPolicyPeer
}

// rules are what the policies permit the pods of an app. Both directions of each are limited to that.
func rules(t *testing.T, objects manifest.Objects, app string) (ingress, egress []rule) {
	t.Helper()
	pods := labels.Set(manifest.Get[*appsv1.Deployment](t, objects, app).Spec.Template.Labels)
	for _, object := range objects {
		p, ok := object.(*networkingv1.NetworkPolicy)
		if !ok || !selects(t, &p.Spec.PodSelector, pods) {
			continue
		}
		if len(p.Spec.PolicyTypes) != 2 {
			t.Errorf("the policy %s limits only %v", p.Name, p.Spec.PolicyTypes)
		}
		for _, r := range p.Spec.Ingress {
			ingress = append(ingress, rule{r.Ports, r.From})
		}
		for _, r := range p.Spec.Egress {
			egress = append(egress, rule{r.Ports, r.To})
		}
	}
	return ingress, egress
}

// reaches tells whether the policies let a pod of one app connect to the first port of another one's Service.
func reaches(t *testing.T, objects manifest.Objects, from, to string) bool {
	t.Helper()
	source := pod{labels: manifest.Get[*appsv1.Deployment](t, objects, from).Spec.Template.Labels}
	target := pod{labels: manifest.Get[*appsv1.Deployment](t, objects, to).Spec.Template.Labels}
	port := "TCP/" + manifest.Get[*corev1.Service](t, objects, to).Spec.Ports[0].TargetPort.StrVal
	_, egress := rules(t, objects, from)
	ingress, _ := rules(t, objects, to)
	return permit(t, egress, target, port) && permit(t, ingress, source, port)
}

// permit tells whether one of the rules names the other pod and the port, such as "TCP/http". No peers at all are
// everybody, and no ports are all.
func permit(t *testing.T, rules []rule, other pod, port string) bool {
	t.Helper()
	return slices.ContainsFunc(rules, func(r rule) bool {
		named := slices.ContainsFunc(r.peers, func(p networkingv1.NetworkPolicyPeer) bool { return isPeer(t, p, other) })
		onPort := slices.ContainsFunc(r.ports, func(p networkingv1.NetworkPolicyPort) bool {
			return string(*p.Protocol)+"/"+p.Port.String() == port
		})
		return (named || len(r.peers) == 0) && (onPort || len(r.ports) == 0)
	})
}

// isPeer tells whether a rule means the pod. Without a selector of namespaces it means the demo's own.
func isPeer(t *testing.T, peer networkingv1.NetworkPolicyPeer, other pod) bool {
	t.Helper()
	if (peer.NamespaceSelector == nil) != (other.namespace == nil) {
		return false
	}
	return (peer.NamespaceSelector == nil || selects(t, peer.NamespaceSelector, other.namespace)) &&
		(peer.PodSelector == nil || selects(t, peer.PodSelector, other.labels))
}
