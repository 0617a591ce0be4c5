// Package knative checks deploy/knative without a cluster: the manifests by the types of Knative Serving, with the code
// that its webhook runs (https://github.com/knative/serving/tree/main/pkg/apis/serving/v1), and the kn commands of the
// documents by what kn makes of them.
package knative

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"knative.dev/networking/pkg/apis/networking"
	"knative.dev/pkg/apis"
	"knative.dev/serving/pkg/apis/autoscaling"
	"knative.dev/serving/pkg/apis/config"
	"knative.dev/serving/pkg/apis/serving"
	servingv1 "knative.dev/serving/pkg/apis/serving/v1"
	"sigs.k8s.io/yaml"

	"github.com/podinfo-targets/podinfo/test/testkit"
)

const (
	root    = "../../.."
	service = "deploy/knative/service.yaml"
)

// read returns a file of the repository.
func read(t *testing.T, file string) string {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(root, file))
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// parse reads a manifest as strictly as kubectl apply --validate=strict does: no unknown and no doubled fields.
func parse(manifest string) (*servingv1.Service, error) {
	var s servingv1.Service
	if err := yaml.UnmarshalStrict([]byte(manifest), &s); err != nil {
		return nil, err
	}
	if s.APIVersion != "serving.knative.dev/v1" || s.Kind != "Service" {
		return nil, fmt.Errorf("%s %s is not a Service of serving.knative.dev/v1", s.APIVersion, s.Kind)
	}
	return &s, nil
}

// admit does what Knative's webhook does with a new Service. A warning of it counts as a refusal, and so does what it
// lets pass though it has no effect.
func admit(s *servingv1.Service) error {
	return admitWith(s, nil)
}

// admitWith is admit for a Knative with these settings of its ConfigMap config-features.
func admitWith(s *servingv1.Service, features map[string]string) error {
	settings, err := config.NewFeaturesConfigFromMap(features)
	if err != nil {
		return err
	}
	ctx := config.ToContext(apis.WithinCreate(context.Background()), &config.Config{Features: settings})
	s = s.DeepCopy()
	s.SetDefaults(ctx)
	if err := s.Validate(ctx); err != nil {
		return err
	}
	return overlooked(s)
}

// overlooked names what Knative says nothing about though it does not do what was meant.
func overlooked(s *servingv1.Service) error {
	switch visibility, set := s.Labels[networking.VisibilityLabelKey]; {
	case set && visibility != serving.VisibilityClusterLocal:
		return fmt.Errorf("visibility %q; want %q, or no label", visibility, serving.VisibilityClusterLocal)
	case s.Spec.Template.Labels[networking.VisibilityLabelKey] != "":
		return errors.New("the visibility is a label of the Service, not of its revisions")
	case len(container(s).Args) > 0 && len(container(s).Command) == 0:
		return errors.New("the image has no entrypoint: arguments need the command ./podinfo")
	}
	known := []string{
		autoscaling.MinScaleAnnotationKey, autoscaling.MaxScaleAnnotationKey, autoscaling.TargetAnnotationKey,
	}
	for name := range s.Spec.Template.Annotations {
		if strings.HasPrefix(name, autoscaling.GroupName+"/") && !slices.Contains(known, name) {
			return fmt.Errorf("%s is no setting of the autoscaler that this test knows", name)
		}
	}
	return nil
}

func mustParse(t *testing.T, manifest string) *servingv1.Service {
	t.Helper()
	s, err := parse(manifest)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// TestManifestsAreAdmitted takes every manifest there is.
func TestManifestsAreAdmitted(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob(filepath.Join(root, "deploy/knative/*.yaml"))
	if err != nil || len(files) < 3 {
		t.Fatalf("%q, %v; want service.yaml and its two variants", files, err)
	}
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			t.Parallel()
			s := mustParse(t, read(t, filepath.Join("deploy/knative", filepath.Base(file))))
			err := admit(s)
			if filepath.Base(file) != "service-plugins.yaml" {
				if err != nil {
					t.Error(err)
				}
				return
			}
			if err == nil || !strings.Contains(err.Error(), "Persistent volume claim support is disabled") {
				t.Errorf("without the setting of the README: %v, want a refusal of the volume", err)
			}
			if err := admitWith(s, featuresOfReadme(t)); err != nil {
				t.Errorf("with the setting of the README: %v", err)
			}
		})
	}
}

var patch = regexp.MustCompile(`config-features [^']*'(.*)'`)

// featuresOfReadme are the settings that the README has people change.
func featuresOfReadme(t *testing.T) map[string]string {
	t.Helper()
	for _, command := range testkit.CommandsOf(t, filepath.Join(root, "deploy/knative/README.md"), "kubectl") {
		found := patch.FindStringSubmatch(command)
		if found == nil {
			continue
		}
		var change struct{ Data map[string]string }
		if err := json.Unmarshal([]byte(found[1]), &change); err != nil {
			t.Fatal(err)
		}
		return change.Data
	}
	t.Fatal("the README changes no setting of Knative")
	return nil
}

// TestWrongManifestsAreRefused shows that the check would notice. Each case spoils service.yaml in one place.
func TestWrongManifestsAreRefused(t *testing.T) {
	t.Parallel()
	manifest := read(t, service)
	for _, test := range []struct{ name, replace, by, want string }{
		{"an unknown field", "periodSeconds: 1", "periodSecond: 1", `unknown field "periodSecond"`},
		{"a doubled field", "timeoutSeconds: 300", "timeoutSeconds: 300\n      timeoutSeconds: 30", "already set"},
		{"another kind", "kind: Service", "kind: Route", "serving.knative.dev/v1 Route is not a Service"},
		{"another version", "serving.knative.dev/v1", "serving.knative.dev/v1beta1", "v1beta1 Service is not"},
		{"no image", "image: ghcr.io", "# image: ghcr.io", "missing field(s): spec.template.spec.containers[0].image"},
		{"a bad image", ":6.15.0", ":6.15.0:1", "Failed to parse image reference"},
		{"a port's name", "- containerPort", "- name: grpc\n              containerPort", "Port name grpc is not allowed"},
		{"two ports", "- containerPort: 8080", "- containerPort: 8080\n            - containerPort: 9797", "more than one"},
		{"a port of queue-proxy", "containerPort: 8080", "containerPort: 8012", "8012 is a reserved port"},
		{"the platform's PORT", "GOMEMLIMIT", "PORT", `"PORT" is a reserved environment variable`},
		{"the platform's K_SERVICE", "GOMEMLIMIT", "K_SERVICE", `"K_SERVICE" is a reserved environment variable`},
		{"the platform's K_REVISION", "GOMEMLIMIT", "K_REVISION", `"K_REVISION" is a reserved environment variable`},
		{"arguments alone", "ports:", "args: [--read-only]\n          ports:", "need the command ./podinfo"},
		{"hooks", "ports:", "lifecycle: {preStop: {exec: {command: [podcli]}}}\n          ports:", "containers[0].lifecycle"},
		{"a scale that is no number", `max-scale: "10"`, `max-scale: "ten"`, `invalid value: ten`},
		{"a scale upside down", `min-scale: "0"`, `min-scale: "11"`, "max-scale=10 is less than min-scale=11"},
		{"a target of nothing", `target: "50"`, `target: "0"`, "target 0 should be at least 0.01"},
		{"a misspelt autoscaling setting", "/target:", "/targets:", "autoscaling.knative.dev/targets is no setting"},
		{"a misspelt visibility", "cluster-local", "local", `visibility "local"`},
		{"scaling on the Service", "  labels:\n    app",
			"  annotations: {autoscaling.knative.dev/min-scale: \"1\"}\n  labels:\n    app",
			"autoscaling annotations must be put under"},
		{"a timeout too long", "timeoutSeconds: 300", "timeoutSeconds: 3000", "expected 0 <= 3000 <= 600"},
		{"a revision's name", "  template:\n    metadata:\n", "  template:\n    metadata:\n      name: other\n",
			`must have prefix "podinfo-"`},
		{"a token mounted", "automountServiceAccountToken: false", "automountServiceAccountToken: true",
			"automountServiceAccountToken"},
		{"the host's network", "automountServiceAccountToken: false", "hostNetwork: true", "hostNetwork"},
		{"a privileged container", "runAsNonRoot: true", "privileged: true", "securityContext.privileged"},
		{"a volume of the host", "emptyDir:\n            sizeLimit: 64Mi", "hostPath: {path: /}", "volumes"},
		{"a mount without a volume", "Mounts:\n            - name: data", "Mounts:\n            - name: date",
			"no matching volume"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			if strings.Count(manifest, test.replace) == 0 {
				t.Fatalf("service.yaml has no %q to spoil", test.replace)
			}
			s, err := parse(strings.Replace(manifest, test.replace, test.by, 1))
			if err == nil {
				err = admit(s)
			}
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %v, want a refusal with %q", err, test.want)
			}
		})
	}
}

// TestVariantsDifferInOnePoint keeps what is written more than once the same.
func TestVariantsDifferInOnePoint(t *testing.T) {
	t.Parallel()
	for file, want := range map[string][]string{
		"deploy/knative/service-grpc.yaml": {
			`metadata.name: "podinfo" became "podinfo-grpc"`,
			`spec.template.spec.containers[0].ports[0].name: nothing became "h2c"`,
		},
		"deploy/knative/service-plugins.yaml": {
			`metadata.name: "podinfo" became "podinfo-plugins"`,
			`spec.template.spec.containers[0].env[3].name: nothing became "PODINFO_PLUGINS_PATH"`,
			`spec.template.spec.containers[0].env[3].value: nothing became "/plugins"`,
			`spec.template.spec.containers[0].env[4].name: nothing became "PODINFO_PLUGINS_STAGE_PATH"`,
			`spec.template.spec.containers[0].env[4].value: nothing became "/run/plugins"`,
			`spec.template.spec.containers[0].env[5].name: nothing became "TMPDIR"`,
			`spec.template.spec.containers[0].env[5].value: nothing became "/run/plugins"`,
			`spec.template.spec.containers[0].resources.limits.memory: "256Mi" became "768Mi"`,
			`spec.template.spec.containers[0].volumeMounts[1].mountPath: nothing became "/plugins"`,
			`spec.template.spec.containers[0].volumeMounts[1].name: nothing became "plugins"`,
			`spec.template.spec.containers[0].volumeMounts[1].readOnly: nothing became true`,
			`spec.template.spec.containers[0].volumeMounts[2].mountPath: nothing became "/run/plugins"`,
			`spec.template.spec.containers[0].volumeMounts[2].name: nothing became "plugin-stage"`,
			`spec.template.spec.volumes[1].name: nothing became "plugins"`,
			`spec.template.spec.volumes[1].persistentVolumeClaim.claimName: nothing became "podinfo-plugins"`,
			`spec.template.spec.volumes[1].persistentVolumeClaim.readOnly: nothing became true`,
			`spec.template.spec.volumes[2].emptyDir.sizeLimit: nothing became "512Mi"`,
			`spec.template.spec.volumes[2].name: nothing became "plugin-stage"`,
		},
		"deploy/knative/traffic-split.yaml": {
			`spec.template.spec.containers[0].env[3].name: nothing became "PODINFO_UI_MESSAGE"`,
			`spec.template.spec.containers[0].env[3].value: nothing became "greetings from the second revision"`,
			`spec.traffic[0].percent: nothing became 90`,
			`spec.traffic[0].revisionName: nothing became "podinfo-00001"`,
			`spec.traffic[0].tag: nothing became "stable"`,
			`spec.traffic[1].latestRevision: nothing became true`,
			`spec.traffic[1].percent: nothing became 10`,
			`spec.traffic[1].tag: nothing became "candidate"`,
		},
	} {
		got := differences(t, mustParse(t, read(t, service)), mustParse(t, read(t, file)))
		if !slices.Equal(got, want) {
			t.Errorf("%s differs from service.yaml in\n%s\nwant\n%s", file, strings.Join(got, "\n"), strings.Join(want, "\n"))
		}
	}
}

// TestServiceIsRestricted wants the Pod Security standard "restricted"
// (https://kubernetes.io/docs/concepts/security/pod-security-standards/), a read-only root, no token, and no address
// outside the cluster.
func TestServiceIsRestricted(t *testing.T) {
	t.Parallel()
	s := mustParse(t, read(t, service))
	if got := s.Labels[networking.VisibilityLabelKey]; got != serving.VisibilityClusterLocal {
		t.Errorf("the visibility is %q, want %q", got, serving.VisibilityClusterLocal)
	}
	const container = "spec.template.spec.containers[0].securityContext."
	got := fields(t, s)
	for path, want := range map[string]string{
		"spec.template.spec.automountServiceAccountToken": "false",
		container + "allowPrivilegeEscalation":            "false",
		container + "capabilities.drop[0]":                `"ALL"`,
		container + "capabilities.add[0]":                 "",
		container + "readOnlyRootFilesystem":              "true",
		container + "runAsGroup":                          "65532",
		container + "runAsNonRoot":                        "true",
		container + "runAsUser":                           "65532",
		container + "seccompProfile.type":                 `"RuntimeDefault"`,
	} {
		if got[path] != want {
			t.Errorf("%s is %s, want %s", path, got[path], want)
		}
	}
}

// TestStopFitsIntoTheTimeout adds up what a pod does from its deletion on. It has timeoutSeconds for that
// (https://github.com/knative/serving/blob/main/pkg/reconciler/revision/resources/deploy.go), and is killed then.
func TestStopFitsIntoTheTimeout(t *testing.T) {
	t.Parallel()
	const (
		drain = 30 * time.Second // of queue-proxy, before the signal
		delay = 3 * time.Second  // --shutdown-delay
		flush = 2 * time.Second  // of telemetry
	)
	spec := mustParse(t, read(t, service)).Spec.Template.Spec
	grace := time.Duration(*spec.TimeoutSeconds) * time.Second
	shutdown, err := time.ParseDuration(setting(t, spec, "PODINFO_SERVER_SHUTDOWN_TIMEOUT"))
	if err != nil {
		t.Fatal(err)
	}
	if total := drain + delay + shutdown + flush; total > grace {
		t.Errorf("a pod may take %s to stop and has %s", total, grace)
	}
}

// TestStoreFitsIntoTheVolume has podinfo refuse a file before kubelet evicts the pod.
func TestStoreFitsIntoTheVolume(t *testing.T) {
	t.Parallel()
	spec := mustParse(t, read(t, service)).Spec.Template.Spec
	size, err := strconv.ParseInt(setting(t, spec, "PODINFO_STORE_MAX_SIZE"), 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	if limit := spec.Volumes[0].EmptyDir.SizeLimit.Value(); size > limit*3/4 {
		t.Errorf("the store may take %d of a volume of %d bytes, want a quarter free", size, limit)
	}
}

// setting returns the value of one of podinfo's variables.
func setting(t *testing.T, spec servingv1.RevisionSpec, name string) string {
	t.Helper()
	for _, variable := range spec.Containers[0].Env {
		if variable.Name == name {
			return variable.Value
		}
	}
	t.Fatalf("service.yaml does not set %s", name)
	return ""
}
