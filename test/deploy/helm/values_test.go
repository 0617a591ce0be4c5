package helm

import (
	"fmt"
	"maps"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
)

// valueCase says what one value changes in the render, and that it changes nothing else.
type valueCase struct {
	Value   string         `json:"value"`   // as it is written with --set
	With    map[string]any `json:"with"`    // the values around it, in short; without it the chart's own
	To      any            `json:"to"`      // what the value is set to
	Changes []string       `json:"changes"` // the lines of the diff
}

func TestEveryValueChangesWhatItSays(t *testing.T) {
	t.Parallel()
	defaults := read[map[string]any](t, filepath.Join(chart, "values.yaml"))
	cases := valueCases(t)
	for path := range leaves("", defaults) {
		if !slices.ContainsFunc(cases, func(c valueCase) bool { return c.Value == path }) {
			t.Errorf("values.yaml has %s, which has no case in testdata/values", path)
		}
	}
	for i, c := range cases {
		t.Run(fmt.Sprintf("%s/%d", c.Value, i), func(t *testing.T) {
			t.Parallel()
			c.check(t, defaults)
		})
	}
}

func (c valueCase) check(t *testing.T, defaults map[string]any) {
	path := strings.Split(c.Value, ".")
	around := expand(c.With)
	initial := at(around, path...)
	if initial == nil {
		initial = at(defaults, path...)
	}
	if reflect.DeepEqual(c.To, initial) {
		t.Fatalf("the case leaves the value as it is: %v", initial)
	}
	values := expand(c.With)
	put(values, c.To, path...)
	got := diff(mustRender(t, around), mustRender(t, values))
	if !slices.Equal(got, c.Changes) {
		t.Errorf("%s: %s changes\n%s\nwant\n%s",
			c.Value, compact(c.To), strings.Join(got, "\n"), strings.Join(c.Changes, "\n"))
	}
}

// valueCases reads the tables, and adds the cases of the values that come several times: those of the eight hooks.
func valueCases(t *testing.T) []valueCase {
	t.Helper()
	files, err := filepath.Glob("testdata/values/*.yaml")
	if err != nil || len(files) == 0 {
		t.Fatalf("there are no cases in testdata/values (%v)", err)
	}
	var cases []valueCase
	for _, file := range files {
		cases = append(cases, read[[]valueCase](t, file)...)
	}
	return append(cases, hookCases()...)
}

func hookCases() []valueCase {
	hooks := map[string]string{
		"preInstall": "pre-install", "postInstall": "post-install",
		"preDelete": "pre-delete", "postDelete": "post-delete",
		"preUpgrade": "pre-upgrade", "postUpgrade": "post-upgrade",
		"preRollback": "pre-rollback", "postRollback": "post-rollback",
	}
	var cases []valueCase
	for _, hook := range slices.Sorted(maps.Keys(hooks)) {
		value := "hooks." + hook + ".job."
		job := "Job/podinfo-" + hooks[hook]
		with := map[string]any{value + "enabled": true}
		cases = append(cases,
			valueCase{Value: value + "enabled", To: true, Changes: []string{"+ " + job}},
			valueCase{Value: value + "hookDeletePolicy", With: with, To: "before-hook-creation", Changes: []string{
				job + ` metadata.annotations.helm.sh/hook-delete-policy: ` +
					`"hook-succeeded,hook-failed" -> "before-hook-creation"`,
			}},
			valueCase{Value: value + "ttlSecondsAfterFinished", With: with, To: 60.0, Changes: []string{
				job + ` spec.ttlSecondsAfterFinished: + 60`,
			}},
			valueCase{Value: value + "ttlSecondsAfterFinished", With: with, To: 0.0, Changes: []string{
				job + ` spec.ttlSecondsAfterFinished: + 0`,
			}},
			valueCase{Value: value + "ttlSecondsAfterFinished", With: with, To: 2592000.0, Changes: []string{
				job + ` spec.ttlSecondsAfterFinished: + 2592000`,
			}},
			valueCase{Value: value + "sleepSeconds", With: with, To: 5.0, Changes: []string{
				job + ` pod.containers[job].command: - "0s"`,
				job + ` pod.containers[job].command: + "5s"`,
			}},
			valueCase{Value: value + "exitCode", With: with, To: 3.0, Changes: []string{
				job + ` pod.containers[job].command: - "--exit-code=0"`,
				job + ` pod.containers[job].command: + "--exit-code=3"`,
			}},
		)
	}
	return cases
}

// leaves yields what a tree of maps ends in: the path of each value as --set takes it, and the value.
func leaves(prefix string, tree map[string]any) map[string]any {
	found := make(map[string]any)
	for key, value := range tree {
		branch, ok := value.(map[string]any)
		if !ok || len(branch) == 0 {
			found[prefix+key] = value
			continue
		}
		maps.Copy(found, leaves(prefix+key+".", branch))
	}
	return found
}
