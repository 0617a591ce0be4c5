package emftest_test

import (
	"strings"
	"testing"

	"github.com/podinfo-targets/podinfo/targets/lambda/emf/emftest"
)

const valid = `{"_aws":{"Timestamp":1,"CloudWatchMetrics":[{"Namespace":"n","Dimensions":[["d"]],` +
	`"Metrics":[{"Name":"m","Unit":"Count"}]}]},"d":"x","m":1,"other":true}`

func TestParse(t *testing.T) {
	t.Parallel()
	d, err := emftest.Parse([]byte(valid))
	if err != nil {
		t.Fatal(err)
	}
	m := d.Metrics["m"]
	if len(d.Metrics) != 1 || m.Namespace != "n" || m.Unit != "Count" || m.Value != 1 || m.Dimensions["d"] != "x" {
		t.Errorf("got %+v", d.Metrics)
	}
	if d.Members["other"] != true {
		t.Errorf("the property is %v", d.Members["other"])
	}
}

// TestParseFindsWhatIsWrong shows that the rules, by which other tests judge, can fail.
func TestParseFindsWhatIsWrong(t *testing.T) {
	t.Parallel()
	dimensions := strings.TrimSuffix(strings.Repeat(`"d",`, 31), ",")
	metrics := strings.TrimSuffix(strings.Repeat(`{"Name":"m","Unit":"Count"},`, 101), ",")
	for name, change := range map[string]*strings.Replacer{
		"no JSON":                    strings.NewReplacer(`true}`, `true`),
		"no object":                  strings.NewReplacer(valid, `[]`),
		"no metadata":                strings.NewReplacer("_aws", "aws"),
		"a time that is no integer":  strings.NewReplacer(`"Timestamp":1`, `"Timestamp":1.5`),
		"no time":                    strings.NewReplacer(`"Timestamp":1,`, ``),
		"no namespace":               strings.NewReplacer(`"Namespace":"n"`, `"Namespace":""`),
		"no dimension set":           strings.NewReplacer(`[["d"]]`, `[]`),
		"too many dimensions":        strings.NewReplacer(`["d"]`, "["+dimensions+"]"),
		"too many metrics":           strings.NewReplacer(`{"Name":"m","Unit":"Count"}`, metrics),
		"a unit that is none":        strings.NewReplacer(`"Count"`, `"Counts"`),
		"a dimension without target": strings.NewReplacer(`"d":"x",`, ``),
		"a dimension that is number": strings.NewReplacer(`"d":"x"`, `"d":1`),
		"a dimension without value":  strings.NewReplacer(`"d":"x"`, `"d":""`),
		"a dimension too long":       strings.NewReplacer(`"x"`, `"`+strings.Repeat("x", 1025)+`"`),
		"a metric without target":    strings.NewReplacer(`,"m":1`, ``),
		"a metric without name":      strings.NewReplacer(`"Name":"m"`, `"Name":""`, `"m":1`, `"":1`),
		"a metric that is text":      strings.NewReplacer(`"m":1`, `"m":"1"`),
		"a member twice":             strings.NewReplacer(`"d":"x"`, `"d":"x","d":"x"`),
		"a line too long":            strings.NewReplacer(`true`, `"`+strings.Repeat("p", 256<<10)+`"`),
	} {
		if _, err := emftest.Parse([]byte(change.Replace(valid))); err == nil {
			t.Errorf("%s is taken for valid", name)
		}
	}
}
