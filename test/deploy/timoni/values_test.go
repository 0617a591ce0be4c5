package timoni

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"testing"

	"sigs.k8s.io/yaml"

	"github.com/podinfo-targets/podinfo/shared/version"
)

// TestValues sets every value that users can set, and lists all that this changes in the objects.
func TestValues(t *testing.T) {
	t.Parallel()
	const (
		pod       = "Deployment spec.template.spec."
		container = pod + "containers[0]."
		checksum  = "Job spec.template.metadata.annotations.timoni.sh/checksum: changed"
		scaled    = "autoscaling: enabled: true"
		exposed   = "ingress: enabled: true"
		monitored = "monitoring: enabled: true"
		tested    = "test: enabled: true"
		plugged   = `plugins: {enabled: true, claim: "a"}`
	)
	bases := map[string]map[string]string{}
	for _, base := range []string{"", scaled, exposed, monitored, tested, plugged} {
		bases[base] = flatten(t, mustBuild(t, shop("{"+base+"}")))
	}
	for _, test := range []struct {
		base, values string
		want         []string
	}{
		{"", `ui: color: "red"`, []string{container + "env[0].value: #34577c -> red"}},
		{"", `ui: message: "hi"`, []string{
			container + "env[1].name: + PODINFO_UI_MESSAGE", container + "env[1].value: + hi"}},
		{"", `ui: backend: "http://a/echo"`, []string{
			container + "env[1].name: + PODINFO_BACKEND_URL", container + "env[1].value: + http://a/echo"}},
		{"", `replicas: 3`, []string{"Deployment spec.replicas: 1 -> 3"}},
		{"", `image: repository: "example.com/a"`, []string{
			container + "image: " + image + " -> example.com/a:" + version.Version}},
		{"", `image: tag: "1"`, []string{
			container + "image: " + image + " -> ghcr.io/podinfo-targets/podinfo:1"}},
		{"", `image: digest: "` + digest + `"`, []string{container + "image: " + image + " -> " + image + "@" + digest}},
		{"", `image: {tag: "", digest: "` + digest + `"}`, []string{
			container + "image: " + image + " -> ghcr.io/podinfo-targets/podinfo@" + digest}},
		{"", `image: pullPolicy: "Always"`, []string{container + "imagePullPolicy: IfNotPresent -> Always"}},
		{"", `imagePullSecrets: [{name: "a"}]`, []string{pod + "imagePullSecrets[0].name: + a"}},
		{"", `resources: requests: cpu: "1"`, []string{container + "resources.requests.cpu: 10m -> 1"}},
		{"", `resources: requests: memory: "1Gi"`, []string{container + "resources.requests.memory: 32Mi -> 1Gi"}},
		{"", `resources: limits: memory: "1Gi"`, []string{container + "resources.limits.memory: + 1Gi"}},
		{"", `securityContext: readOnlyRootFilesystem: false`, []string{
			container + "securityContext.readOnlyRootFilesystem: true -> false"}},
		{"", `securityContext: capabilities: add: ["NET_BIND_SERVICE"]`, []string{
			container + "securityContext.capabilities.add[0]: + NET_BIND_SERVICE"}},
		{"", `podSecurityContext: runAsUser: 1000`, []string{pod + "securityContext.runAsUser: 65532 -> 1000"}},
		{"", `podAnnotations: a: "b"`, []string{"Deployment spec.template.metadata.annotations.a: + b"}},
		{"", `tolerations: [{operator: "Exists"}]`, []string{pod + "tolerations[0].operator: + Exists"}},
		{"", `topologySpreadConstraints: [{maxSkew: 1, topologyKey: "a", whenUnsatisfiable: "DoNotSchedule"}]`, []string{
			pod + "topologySpreadConstraints[0].maxSkew: + 1",
			pod + "topologySpreadConstraints[0].topologyKey: + a",
			pod + "topologySpreadConstraints[0].whenUnsatisfiable: + DoNotSchedule",
		}},
		{"", `affinity: podAntiAffinity: preferredDuringSchedulingIgnoredDuringExecution: [{
			weight: 1, podAffinityTerm: topologyKey: "a"}]`, []string{
			pod + "affinity.podAntiAffinity.preferredDuringSchedulingIgnoredDuringExecution[0].podAffinityTerm.topologyKey: + a",
			pod + "affinity.podAntiAffinity.preferredDuringSchedulingIgnoredDuringExecution[0].weight: + 1",
		}},
		{"", `service: port: 8080`, []string{"Service spec.ports[0].port: 80 -> 8080"}},
		{"", `service: annotations: a: "b"`, []string{"Service metadata.annotations.a: + b"}},
		{"", `service: labels: a: "b"`, []string{"Service metadata.labels.a: + b"}},
		{"", scaled, []string{"Deployment spec.replicas: - 1", "HorizontalPodAutoscaler: +"}},
		{scaled, `replicas: 2`, []string{
			"HorizontalPodAutoscaler spec.maxReplicas: 1 -> 2", "HorizontalPodAutoscaler spec.minReplicas: 1 -> 2"}},
		{scaled, `autoscaling: minReplicas: 2`, []string{
			"HorizontalPodAutoscaler spec.maxReplicas: 1 -> 2", "HorizontalPodAutoscaler spec.minReplicas: 1 -> 2"}},
		{scaled, `autoscaling: maxReplicas: 9`, []string{"HorizontalPodAutoscaler spec.maxReplicas: 1 -> 9"}},
		{scaled, `autoscaling: cpu: 50`, []string{
			"HorizontalPodAutoscaler spec.metrics[0].resource.target.averageUtilization: 99 -> 50"}},
		{scaled, `autoscaling: memory: "1Gi"`, []string{
			"HorizontalPodAutoscaler spec.metrics[1].resource.name: + memory",
			"HorizontalPodAutoscaler spec.metrics[1].resource.target.averageValue: + 1Gi",
			"HorizontalPodAutoscaler spec.metrics[1].resource.target.type: + AverageValue",
			"HorizontalPodAutoscaler spec.metrics[1].type: + Resource",
		}},
		{"", exposed, []string{"Ingress: +"}},
		{exposed, `ingress: host: "a.b"`, []string{"Ingress spec.rules[0].host: podinfo.local -> a.b"}},
		{exposed, `ingress: tls: true`, []string{
			"Ingress spec.tls[0].hosts[0]: + podinfo.local", "Ingress spec.tls[0].secretName: + shop-cert"}},
		{exposed, `ingress: className: "a"`, []string{"Ingress spec.ingressClassName: + a"}},
		{exposed, `ingress: annotations: a: "b"`, []string{"Ingress metadata.annotations.a: + b"}},
		{exposed, `ingress: labels: a: "b"`, []string{"Ingress metadata.labels.a: + b"}},
		{"", monitored, []string{
			"Deployment spec.template.metadata.annotations.prometheus.io/port: - 9797",
			"Deployment spec.template.metadata.annotations.prometheus.io/scrape: - true",
			"Service spec.ports[1].name: + http-metrics",
			"Service spec.ports[1].port: + 9797",
			"Service spec.ports[1].protocol: + TCP",
			"Service spec.ports[1].targetPort: + http-metrics",
			"ServiceMonitor: +",
		}},
		{monitored, `monitoring: interval: 60`, []string{"ServiceMonitor spec.endpoints[0].interval: 15s -> 60s"}},
		{"", `caching: {enabled: true, redisURL: "tcp://a:1"}`, []string{
			container + "command[4]: + --cache-server=tcp://a:1"}},
		{"", `caching: redisURL: "rediss://a:1"`, nil},
		{"", `plugins: claim: "a"`, nil},
		{"", plugged, []string{
			container + "command[4]: + --plugins-path=/plugins",
			container + "command[5]: + --plugins-stage-path=/run/plugins",
			container + "command[6]: + --plugins-poll-interval=2s",
			container + "env[1].name: + TMPDIR",
			container + "env[1].value: + /run/plugins",
			container + "volumeMounts[1].mountPath: + /plugins",
			container + "volumeMounts[1].name: + plugins",
			container + "volumeMounts[1].readOnly: + true",
			container + "volumeMounts[2].mountPath: + /run/plugins",
			container + "volumeMounts[2].name: + plugin-stage",
			pod + "volumes[1].name: + plugins",
			pod + "volumes[1].persistentVolumeClaim.claimName: + a",
			pod + "volumes[1].persistentVolumeClaim.readOnly: + true",
			pod + "volumes[2].emptyDir.sizeLimit: + 512Mi",
			pod + "volumes[2].name: + plugin-stage",
		}},
		{plugged, `plugins: readOnly: false`, []string{
			container + "volumeMounts[1].readOnly: - true",
			pod + "volumes[1].persistentVolumeClaim.readOnly: - true",
		}},
		{plugged, `plugins: pollInterval: "1m30s"`, []string{
			container + "command[6]: --plugins-poll-interval=2s -> --plugins-poll-interval=1m30s"}},
		{plugged, `plugins: stageSizeLimit: "1Gi"`, []string{pod + "volumes[2].emptyDir.sizeLimit: 512Mi -> 1Gi"}},
		{plugged, `plugins: mtls: true`, []string{container + "command[7]: + --plugin-mtls"}},
		{plugged, `plugins: checksums: "sums"`, []string{
			container + "command[7]: + --plugin-checksums=/etc/plugin-checksums/SHA256SUMS",
			container + "volumeMounts[3].mountPath: + /etc/plugin-checksums",
			container + "volumeMounts[3].name: + plugin-checksums",
			container + "volumeMounts[3].readOnly: + true",
			pod + "volumes[3].configMap.name: + sums",
			pod + "volumes[3].name: + plugin-checksums",
		}},
		{plugged, `plugins: adminToken: "admin"`, []string{
			container + "env[2].name: + PODINFO_PLUGIN_ADMIN_TOKEN",
			container + "env[2].valueFrom.secretKeyRef.key: + token",
			container + "env[2].valueFrom.secretKeyRef.name: + admin",
		}},
		{"", tested, []string{"Job: +"}},
		{tested, `test: image: {repository: "a", tag: "1"}`, []string{
			checksum,
			"Job spec.template.spec.containers[0].image: " + image + " -> a:1",
			"Job spec.template.spec.containers[1].image: " + image + " -> a:1",
		}},
		{tested, `ui: color: "red"`, []string{container + "env[0].value: #34577c -> red", checksum}},
		{"", `metadata: annotations: a: "b"`, []string{
			"Deployment metadata.annotations.a: + b",
			"Service metadata.annotations.a: + b",
			"ServiceAccount metadata.annotations.a: + b",
		}},
	} {
		t.Run(test.values, func(t *testing.T) {
			t.Parallel()
			before := bases[test.base]
			after := flatten(t, mustBuild(t, shop("{"+test.base+"\n"+test.values+"}")))
			if got := changes(before, after); !slices.Equal(got, test.want) {
				t.Errorf("changes:\n  %s\nwant:\n  %s", strings.Join(got, "\n  "), strings.Join(test.want, "\n  "))
			}
		})
	}
}

const digest = "sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

// flatten maps "Kind path.to[0].field" to the field's text, and "Kind" to nothing. No kind is there twice.
func flatten(t *testing.T, rendered []byte) map[string]string {
	t.Helper()
	flat := map[string]string{}
	for document := range bytes.SplitSeq(rendered, []byte("---\n")) {
		var object map[string]any
		if err := yaml.Unmarshal(document, &object); err != nil {
			t.Fatal(err)
		}
		kind := fmt.Sprint(object["kind"])
		flat[kind] = ""
		for key, field := range object {
			flattenInto(flat, kind+" "+key, field)
		}
	}
	return flat
}

func flattenInto(flat map[string]string, path string, value any) {
	switch v := value.(type) {
	case map[string]any:
		for key, field := range v {
			flattenInto(flat, path+"."+key, field)
		}
	case []any:
		for i, element := range v {
			flattenInto(flat, fmt.Sprintf("%s[%d]", path, i), element)
		}
	default:
		flat[path] = fmt.Sprint(v)
	}
}

// changes lists what differs, sorted. A whole object that has come is one line, and a checksum's text is left out.
func changes(before, after map[string]string) []string {
	var lines []string
	for path, now := range after {
		was, known := before[path]
		kind, _, isField := strings.Cut(path, " ")
		_, knownKind := before[kind]
		switch {
		case !isField && !known:
			lines = append(lines, path+": +")
		case !knownKind || was == now && known:
		case !known:
			lines = append(lines, path+": + "+now)
		case strings.HasSuffix(path, "/checksum"):
			lines = append(lines, path+": changed")
		default:
			lines = append(lines, path+": "+was+" -> "+now)
		}
	}
	for path, was := range before {
		if _, still := after[path]; !still {
			lines = append(lines, path+": - "+was)
		}
	}
	slices.Sort(lines)
	return lines
}

// TestRefused gives wrong values. What CUE says must name the value as the user has written it.
func TestRefused(t *testing.T) {
	t.Parallel()
	for values, want := range map[string]string{
		`replicas: -1`:                                     "values.replicas: invalid value -1 (out of bound >0)",
		`replicas: "2"`:                                    "values.replicas: ",
		`replica: 2`:                                       "values.replica: field not allowed",
		`ui: colour: "red"`:                                "values.ui.colour: field not allowed",
		`ui: backend: "backend"`:                           `values.ui.backend: invalid value "backend"`,
		`image: tag: ""`:                                   "values.image.tag: ",
		`image: digest: "sha256:abc"`:                      "values.image.digest: ",
		`image: pullPolicy: "Sometimes"`:                   "values.image.pullPolicy: ",
		`imagePullSecrets: ["a"]`:                          "values.imagePullSecrets.0: ",
		`resources: requests: cpu: "lots"`:                 "values.resources.requests.cpu: ",
		`resources: limits: memry: "1Gi"`:                  "values.resources.limits.memry: field not allowed",
		`securityContext: runAsRoot: true`:                 "values.securityContext.runAsRoot: field not allowed",
		`securityContext: allowPrivilegeEscalation: "no"`:  "values.securityContext.allowPrivilegeEscalation: ",
		`podAnnotations: a: 1`:                             "values.podAnnotations.a: ",
		`tolerations: [{kay: "a"}]`:                        "values.tolerations.0.kay: field not allowed",
		`affinity: podAffinty: {}`:                         "values.affinity",
		`service: port: 0`:                                 "values.service.port: invalid value 0",
		`service: port: 65536`:                             "values.service.port: invalid value 65536",
		`service: labels: a: "b c"`:                        "values.service.labels.a: ",
		`autoscaling: cpu: "a"`:                            "values.autoscaling.cpu: ",
		`autoscaling: {minReplicas: 3, maxReplicas: 2}`:    "values.autoscaling.maxReplicas: ",
		`ingress: host: ""`:                                "values.ingress.host: ",
		`monitoring: interval: "15s"`:                      "values.monitoring.interval: ",
		`caching: redisURL: "http://redis"`:                `values.caching.redisURL: invalid value "http://redis"`,
		`caching: redisURL: "tcp:///0"`:                    `values.caching.redisURL: invalid value "tcp:///0"`,
		`caching: enabled: true`:                           "redisURL",
		`plugins: enabled: true`:                           "claim",
		`plugins: pollInterval: "2"`:                       `values.plugins.pollInterval: invalid value "2"`,
		`plugins: stageSizeLimit: "1 GB"`:                  "values.plugins.stageSizeLimit",
		`plugins: readonly: false`:                         "values.plugins.readonly: field not allowed",
		`test: enable: true`:                               "values.test.enable: field not allowed",
		`metadata: labels: "app.kubernetes.io/name": "no"`: `metadata.labels."app.kubernetes.io/name": conflicting values`,
	} {
		t.Run(values, func(t *testing.T) {
			t.Parallel()
			_, err := build(shop("{" + values + "}"))
			if err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("refused with %v\nwant %s", err, want)
			}
		})
	}
}

func TestRefusedClusters(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ kubeVersion, values, want string }{
		{"1.19.16", "{}", "clusterVersion.minor: invalid value 19 (out of bound >=20)"},
		{"1.20.0", "{}", ""},
		{"v1.34.4-gke.1", "{}", ""},
		{"1.22.17", "{autoscaling: enabled: true}", "clusterVersion.minor: invalid value 22 (out of bound >=23)"},
		{"1.23.0", "{autoscaling: enabled: true}", ""},
	} {
		i := shop(test.values)
		i.kubeVersion = test.kubeVersion
		_, err := build(i)
		if test.want == "" && err != nil || test.want != "" && (err == nil || !strings.Contains(err.Error(), test.want)) {
			t.Errorf("Kubernetes %s with %s: %v, want %q", test.kubeVersion, test.values, err, test.want)
		}
	}
}
