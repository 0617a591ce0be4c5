package config

import "strings"

// readEnvironment takes from env, a list of NAME=value, what no flag gave.
func (s *settings) readEnvironment(env []string) error {
	variables := make(map[string]string, len(env))
	for _, variable := range env {
		name, value, _ := strings.Cut(variable, "=")
		// Of a name that stands twice the first counts, as for os.Getenv.
		if _, twice := variables[name]; !twice {
			variables[name] = value
		}
	}
	for _, row := range s.from(fromEnvironment) {
		if s.given(row.name) {
			continue
		}
		name, value := row.lookUp(variables)
		if value == "" {
			continue
		}
		if err := s.give(row, "environment "+name, value); err != nil {
			return err
		}
	}
	return nil
}

// lookUp returns the variable that gives the setting, and its value; an empty value means that none does.
func (s *setting) lookUp(variables map[string]string) (name, value string) {
	if value := variables[s.platform]; s.platform != "" && value != "" {
		return s.platform, value
	}
	value = variables[s.variable()]
	if s.foreign != nil && s.foreign(value) {
		return "", ""
	}
	return s.variable(), value
}

// serviceLink tells whether value is what Kubernetes sets for the pods of a namespace that has a Service by a fitting
// name: the Service podinfo makes PODINFO_PORT=tcp://10.0.0.1:9898, podinfo-grpc makes PODINFO_GRPC_PORT. Nobody wrote
// it as a setting of podinfo. The schemes are the protocols that a Service can have.
//
// https://kubernetes.io/docs/concepts/services-networking/service/#environment-variables
func serviceLink(value string) bool {
	scheme, _, found := strings.Cut(value, "://")
	return found && (scheme == "tcp" || scheme == "udp" || scheme == "sctp")
}

// notNumber tells whether value is anything but a whole number. PODINFO_PORT and PODINFO_SECURE_PORT have always been
// passed over then, and manifests rely on it.
func notNumber(value string) bool {
	digits := strings.TrimLeft(strings.TrimSpace(value), "+-")
	return digits == "" || strings.ContainsFunc(digits, func(r rune) bool { return r < '0' || r > '9' })
}
