package config

import "fmt"

// Target is what a platform changes about the settings. Keys are names of flags, without dashes. A name that no flag
// has is an error of [Load], so that a test of the target finds it.
type Target struct {
	// Name is the program's name, for its usage text.
	Name string
	// Defaults replaces the defaults that differ on the platform.
	Defaults map[string]string
	// Offers lists the settings that this target has beyond those of all targets. To a target that does not list them
	// they are unknown.
	Offers []string
	// Withheld lists the settings that mean nothing on the platform: no source can give them, they keep their default.
	Withheld []string
	// Environment names, for a setting, the variable in which the platform itself gives it, such as PORT for port.
	// Only a flag wins over it.
	Environment map[string]string
}

// Server is the long-running server, the shape that Kubernetes expects: every setting with its own default.
var Server = Target{Name: "podinfo", Offers: Plugins()}

// Plugins lists the settings of plugins, for targets that can run them to offer.
func Plugins() []string {
	return []string{
		"plugin-admin-token", "plugin-admin-token-file", "plugin-call-timeout", "plugin-checksums", "plugin-max-calls",
		"plugin-max-file-size", "plugin-max-memory", "plugin-mtls", "plugins-path", "plugins-poll-interval",
		"plugins-stage-path",
	}
}

// apply changes the table of s to what the target asks for.
func (t Target) apply(s *settings) error {
	for _, name := range t.Offers {
		entry, ok := s.table[name]
		if !ok {
			return fmt.Errorf("target %s: there is no setting %s to offer", t.Name, name)
		}
		if !entry.optional {
			return fmt.Errorf("target %s: setting %s is one of all targets; offer it no more", t.Name, name)
		}
	}
	for name, text := range t.Defaults {
		entry, ok := s.table[name]
		if !ok {
			return fmt.Errorf("target %s: there is no setting %s to give a default", t.Name, name)
		}
		if err := entry.value.Set(text); err != nil {
			return fmt.Errorf("target %s: default %q of %s: %w", t.Name, text, name, err)
		}
	}
	for name, variable := range t.Environment {
		entry, ok := s.table[name]
		if !ok {
			return fmt.Errorf("target %s: there is no setting %s to read from %s", t.Name, name, variable)
		}
		entry.platform = variable
	}
	for _, name := range t.Withheld {
		entry, ok := s.table[name]
		if !ok {
			return fmt.Errorf("target %s: there is no setting %s to withhold", t.Name, name)
		}
		entry.not = fromArgs | fromEnvironment | fromFile
	}
	return nil
}
