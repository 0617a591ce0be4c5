// Package pets holds the types of values that the tests send to their plugin echo, so that both programs know them by
// the same names.
package pets

// The types differ in who registers them.
type (
	// Dog is registered by the plugin and by its host.
	Dog struct {
		Name   string
		Friend *Dog
	}
	// Bird is registered by the host alone.
	Bird struct{ Name string }
	// Fish is registered by the plugin alone.
	Fish struct{ Name string }
	// Cat is registered by nobody.
	Cat struct{ Name string }
)
