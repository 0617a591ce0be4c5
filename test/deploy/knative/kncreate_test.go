package knative

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	"k8s.io/apimachinery/pkg/util/intstr"
	"knative.dev/networking/pkg/apis/networking"
	"knative.dev/serving/pkg/apis/autoscaling"
	"knative.dev/serving/pkg/apis/serving"
	servingv1 "knative.dev/serving/pkg/apis/serving/v1"
)

// knServiceCreate returns the Service that `kn service create` makes of its arguments. It knows those flags of
// https://github.com/knative/client/blob/main/docs/cmd/kn_service_create.md that our documents use. Two annotations
// that kn adds for itself, client.knative.dev/user-image and client.knative.dev/updateTimestamp, are left out.
func knServiceCreate(root string, args []string) (*servingv1.Service, error) {
	names, values, err := split(args)
	if err != nil {
		return nil, err
	}
	s := new(servingv1.Service)
	if files := values["filename"]; len(files) > 0 {
		data, err := os.ReadFile(filepath.Join(root, files[len(files)-1]))
		if err != nil {
			return nil, err
		}
		if s, err = parse(string(data)); err != nil {
			return nil, err
		}
	} else {
		s.APIVersion, s.Kind = "serving.knative.dev/v1", "Service"
		s.Spec.Template.Spec.Containers = make([]corev1.Container, 1)
	}
	if err := name(s, names); err != nil {
		return nil, err
	}
	for flag, values := range values {
		for _, value := range values {
			if err := knFlags[flag](s, value); err != nil {
				return nil, fmt.Errorf("--%s %s: %w", flag, value, err)
			}
		}
	}
	if container(s).Image == "" {
		return nil, errors.New("kn service create requires the image by --image")
	}
	return s, nil
}

func name(s *servingv1.Service, names []string) error {
	switch {
	case len(names) > 1:
		return fmt.Errorf("%q is too much: one name is wanted", names[1:])
	case len(names) == 0 && s.Name == "":
		return errors.New("the name of the service is missing")
	case len(names) == 1 && s.Name != "" && s.Name != names[0]:
		return fmt.Errorf("the service is called %q, and %q in the file", names[0], s.Name)
	case len(names) == 1:
		s.Name = names[0]
	}
	return nil
}

// split takes the flags, and what they are given, from the arguments. Names are what is left.
func split(args []string) (names []string, values map[string][]string, err error) {
	values = map[string][]string{}
	for i := 0; i < len(args); i++ {
		flag, isFlag := strings.CutPrefix(args[i], "--")
		if !isFlag {
			names = append(names, args[i])
			continue
		}
		flag, value, hasValue := strings.Cut(flag, "=")
		switch _, known := knFlags[flag]; {
		case !known:
			return nil, nil, fmt.Errorf("--%s is no flag of kn service create that this test knows", flag)
		case flag == "cluster-local" && hasValue:
			return nil, nil, errors.New("--cluster-local takes no value")
		case flag != "cluster-local" && !hasValue:
			if i++; i == len(args) {
				return nil, nil, fmt.Errorf("--%s needs a value", flag)
			}
			value = args[i]
		}
		values[flag] = append(values[flag], value)
	}
	return names, values, nil
}

// knFlags are the flags and what each does with a Service, in whatever order they come.
var knFlags = map[string]func(s *servingv1.Service, value string) error{
	"filename": func(*servingv1.Service, string) error { return nil }, // It has been read.
	"image": func(s *servingv1.Service, value string) error {
		if container(s).Image != "" {
			return errors.New("it can be given only once")
		}
		container(s).Image = value
		return nil
	},
	"cluster-local": func(s *servingv1.Service, _ string) error {
		return put(&s.Labels, networking.VisibilityLabelKey+"="+serving.VisibilityClusterLocal)
	},
	"label": func(s *servingv1.Service, value string) error {
		return errors.Join(put(&s.Labels, value), put(&s.Spec.Template.Labels, value))
	},
	"annotation-revision": func(s *servingv1.Service, value string) error {
		return put(&s.Spec.Template.Annotations, value)
	},
	"scale": setScale,
	"scale-target": func(s *servingv1.Service, value string) error {
		return put(&s.Spec.Template.Annotations, autoscaling.TargetAnnotationKey+"="+value)
	},
	"port": setPort,
	"env": func(s *servingv1.Service, value string) error {
		name, value, found := strings.Cut(value, "=")
		if !found {
			return errors.New("NAME=value is wanted")
		}
		container(s).Env = append(container(s).Env, corev1.EnvVar{Name: name, Value: value})
		return nil
	},
	"timeout": func(s *servingv1.Service, value string) error {
		seconds, err := strconv.ParseInt(value, 10, 64)
		s.Spec.Template.Spec.TimeoutSeconds = &seconds
		return err
	},
	"request": func(s *servingv1.Service, value string) error {
		return quantities(&container(s).Resources.Requests, value)
	},
	"limit": func(s *servingv1.Service, value string) error {
		return quantities(&container(s).Resources.Limits, value)
	},
	"probe-readiness": func(s *servingv1.Service, value string) error {
		return setProbe(&container(s).ReadinessProbe, value)
	},
	"probe-readiness-opts": func(s *servingv1.Service, value string) error {
		return setPeriod(&container(s).ReadinessProbe, value)
	},
	"probe-liveness": func(s *servingv1.Service, value string) error {
		return setProbe(&container(s).LivenessProbe, value)
	},
	"probe-liveness-opts": func(s *servingv1.Service, value string) error {
		return setPeriod(&container(s).LivenessProbe, value)
	},
	"volume":           addVolume,
	"mount":            addMount,
	"security-context": setSecurityContext,
}

func container(s *servingv1.Service) *corev1.Container { return &s.Spec.Template.Spec.Containers[0] }

// put sets what a flag names as KEY=VALUE.
func put(values *map[string]string, pair string) error {
	key, value, found := strings.Cut(pair, "=")
	if !found {
		return errors.New("NAME=value is wanted")
	}
	if *values == nil {
		*values = map[string]string{}
	}
	(*values)[key] = value
	return nil
}

// setScale takes MIN..MAX, which kn can do without one of the two.
func setScale(s *servingv1.Service, value string) error {
	least, most, found := strings.Cut(value, "..")
	if !found || least == "" || most == "" {
		return errors.New("MIN..MAX is wanted")
	}
	return errors.Join(
		put(&s.Spec.Template.Annotations, autoscaling.MinScaleAnnotationKey+"="+least),
		put(&s.Spec.Template.Annotations, autoscaling.MaxScaleAnnotationKey+"="+most))
}

// setPort takes PORT or NAME:PORT.
func setPort(s *servingv1.Service, value string) error {
	name, number, found := strings.Cut(value, ":")
	if !found {
		name, number = "", value
	}
	port, err := strconv.ParseInt(number, 10, 32)
	container(s).Ports = []corev1.ContainerPort{{Name: name, ContainerPort: int32(port)}}
	return err
}

func quantities(list *corev1.ResourceList, value string) error {
	*list = corev1.ResourceList{}
	for pair := range strings.SplitSeq(value, ",") {
		name, amount, _ := strings.Cut(pair, "=")
		quantity, err := resource.ParseQuantity(amount)
		if err != nil {
			return err
		}
		(*list)[corev1.ResourceName(name)] = quantity
	}
	return nil
}

func setProbe(p **corev1.Probe, value string) error {
	parts := strings.Split(value, ":")
	if len(parts) != 4 || parts[0] != "http" {
		return errors.New("http:HOST:PORT:PATH is wanted")
	}
	probe(p).HTTPGet = &corev1.HTTPGetAction{Host: parts[1], Port: intstr.Parse(parts[2]), Path: parts[3]}
	return nil
}

func setPeriod(p **corev1.Probe, value string) error {
	seconds, found := strings.CutPrefix(value, "PeriodSeconds=")
	if !found {
		return fmt.Errorf("%s is no option that this test knows", value)
	}
	period, err := strconv.ParseInt(seconds, 10, 32)
	probe(p).PeriodSeconds = int32(period)
	return err
}

func probe(p **corev1.Probe) *corev1.Probe {
	if *p == nil {
		*p = new(corev1.Probe)
	}
	return *p
}

// addVolume takes NAME=emptyDir:NAME:size=QUANTITY.
func addVolume(s *servingv1.Service, value string) error {
	name, source, _ := strings.Cut(value, "=")
	size, found := strings.CutPrefix(source, "emptyDir:"+name+":size=")
	if !found {
		return errors.New("NAME=emptyDir:NAME:size=QUANTITY is wanted")
	}
	limit, err := resource.ParseQuantity(size)
	spec := &s.Spec.Template.Spec
	spec.Volumes = append(spec.Volumes, corev1.Volume{
		Name: name, VolumeSource: corev1.VolumeSource{EmptyDir: &corev1.EmptyDirVolumeSource{SizeLimit: &limit}},
	})
	return err
}

// addMount takes PATH=VOLUME.
func addMount(s *servingv1.Service, value string) error {
	path, volume, found := strings.Cut(value, "=")
	if !found {
		return errors.New("PATH=VOLUME is wanted")
	}
	container(s).VolumeMounts = append(container(s).VolumeMounts, corev1.VolumeMount{Name: volume, MountPath: path})
	return nil
}

// setSecurityContext takes strict: no capabilities, not root, no more rights than at the start, the runtime's seccomp.
func setSecurityContext(s *servingv1.Service, value string) error {
	if value != "strict" {
		return fmt.Errorf("%q is no security context that this test knows", value)
	}
	container(s).SecurityContext = &corev1.SecurityContext{
		AllowPrivilegeEscalation: new(bool),
		RunAsNonRoot:             new(true),
		Capabilities:             &corev1.Capabilities{Drop: []corev1.Capability{"ALL"}},
		SeccompProfile:           &corev1.SeccompProfile{Type: corev1.SeccompProfileTypeRuntimeDefault},
	}
	return nil
}
