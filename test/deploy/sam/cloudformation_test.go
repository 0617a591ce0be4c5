package sam

import (
	"fmt"
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
)

const (
	directory = "../../../deploy/sam"
	file      = directory + "/template.yaml"
)

// pseudo are the parameters that CloudFormation itself gives.
// https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/pseudo-parameter-reference.html
var pseudo = map[string]any{
	"AWS::AccountId": "123456789012",
	"AWS::NoValue":   noValue{},
	"AWS::Partition": "aws",
	"AWS::Region":    "eu-west-1",
	"AWS::StackId":   "arn:aws:cloudformation:eu-west-1:123456789012:stack/podinfo/0a1b2c3d-1111-2222-3333-444455556666",
	"AWS::StackName": "podinfo",
	"AWS::URLSuffix": "amazonaws.com",
}

// noValue takes the property that has it out of the template.
type noValue struct{}

// object is a mapping of the template.
type object = map[string]any

// read returns the template with the short forms of functions, such as !Ref, in their long ones.
func read(t *testing.T) object {
	t.Helper()
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var document yaml.Node
	if err := yaml.Unmarshal(data, &document); err != nil {
		t.Fatal(err)
	}
	return long(t, document.Content[0]).(object)
}

func long(t *testing.T, node *yaml.Node) any {
	t.Helper()
	value := plain(t, node)
	function, short := strings.CutPrefix(node.Tag, "!")
	switch {
	case !short || strings.HasPrefix(function, "!"): // !!str and its like are YAML's own
		return value
	case function == "Ref" || function == "Condition":
		return object{function: value}
	default:
		return object{"Fn::" + function: value}
	}
}

func plain(t *testing.T, node *yaml.Node) any {
	t.Helper()
	switch node.Kind {
	case yaml.MappingNode:
		values := make(object)
		for i := 0; i < len(node.Content); i += 2 {
			values[node.Content[i].Value] = long(t, node.Content[i+1])
		}
		return values
	case yaml.SequenceNode:
		values := make([]any, 0, len(node.Content))
		for _, child := range node.Content {
			values = append(values, long(t, child))
		}
		return values
	case yaml.ScalarNode:
		return node.Value
	default: // CloudFormation reads no aliases
		t.Fatalf("line %d of the template is neither mapping, list nor value", node.Line)
		return nil
	}
}

// A stack is the template for one choice of parameters.
type stack struct {
	t          *testing.T
	template   object
	parameters map[string]string
}

// create resolves the template for parameters, each NAME=value; those that are left out have their defaults.
func create(t *testing.T, parameters ...string) *stack {
	t.Helper()
	s := &stack{t: t, template: read(t), parameters: make(map[string]string)}
	for name, about := range s.section("Parameters") {
		s.parameters[name] = about.(object)["Default"].(string)
	}
	for _, given := range parameters {
		name, text, _ := strings.Cut(given, "=")
		about, known := s.section("Parameters")[name].(object)
		if !known {
			t.Fatalf("the template has no parameter %s", name)
		}
		if err := accepts(about, text); err != nil {
			t.Fatalf("%s: %v", given, err)
		}
		s.parameters[name] = text
	}
	return s
}

// accepts says why a parameter does not take the value.
func accepts(about object, text string) error {
	if allowed, ok := about["AllowedValues"].([]any); ok && !slices.Contains(allowed, any(text)) {
		return fmt.Errorf("not one of %v", allowed)
	}
	if pattern, ok := about["AllowedPattern"].(string); ok && !regexp.MustCompile(pattern).MatchString(text) {
		return fmt.Errorf("%v", about["ConstraintDescription"])
	}
	return nil
}

func (s *stack) section(name string) object {
	s.t.Helper()
	section, ok := s.template[name].(object)
	if !ok {
		s.t.Fatalf("the template has no %s", name)
	}
	return section
}

// resources are those whose condition holds, resolved, by their logical ids.
func (s *stack) resources() map[string]object {
	s.t.Helper()
	all := make(map[string]object)
	for id := range s.section("Resources") {
		if resource, exists := s.member("Resources", id); exists {
			all[id] = resource
		}
	}
	return all
}

// ofType are the properties of the resources of the type, by their logical ids.
func (s *stack) ofType(kind string) map[string]object {
	s.t.Helper()
	found := make(map[string]object)
	for id, resource := range s.resources() {
		if resource["Type"] == kind {
			found[id] = resource["Properties"].(object)
		}
	}
	return found
}

// properties are those of the resource of that logical id.
func (s *stack) properties(id string) object {
	s.t.Helper()
	resource, exists := s.member("Resources", id)
	if !exists {
		s.t.Fatalf("the stack has no resource %s", id)
	}
	return resource["Properties"].(object)
}

// outputs are those whose condition holds.
func (s *stack) outputs() map[string]string {
	s.t.Helper()
	all := make(map[string]string)
	for name := range s.section("Outputs") {
		if output, exists := s.member("Outputs", name); exists {
			all[name] = output["Value"].(string)
		}
	}
	return all
}

// environment is what the function gets, each NAME=value.
func (s *stack) environment() []string {
	s.t.Helper()
	variables := s.properties("Podinfo")["Environment"].(object)["Variables"].(object)
	env := make([]string, 0, len(variables))
	for _, name := range slices.Sorted(maps.Keys(variables)) {
		env = append(env, fmt.Sprintf("%s=%v", name, variables[name]))
	}
	return env
}

// refused are the descriptions of the assertions of the template's rules that do not hold.
func (s *stack) refused() []string {
	s.t.Helper()
	var broken []string
	for _, rule := range s.section("Rules") {
		rule := rule.(object)
		if s.resolve(rule["RuleCondition"]) != any(true) {
			continue
		}
		for _, assertion := range rule["Assertions"].([]any) {
			assertion := assertion.(object)
			if s.resolve(assertion["Assert"]) != any(true) {
				broken = append(broken, assertion["AssertDescription"].(string))
			}
		}
	}
	return broken
}

func (s *stack) member(section, name string) (object, bool) {
	s.t.Helper()
	member := s.section(section)[name].(object)
	if condition, ok := member["Condition"].(string); ok && !s.holds(condition) {
		return nil, false
	}
	return s.resolve(member).(object), true
}

func (s *stack) holds(condition string) bool {
	s.t.Helper()
	expression, known := s.section("Conditions")[condition]
	if !known {
		s.t.Fatalf("the template has no condition %s", condition)
	}
	return s.resolve(expression).(bool)
}

// resolve returns value without functions. What only a deployment can know stands in angle brackets.
func (s *stack) resolve(value any) any {
	s.t.Helper()
	switch value := value.(type) {
	case object:
		if len(value) == 1 {
			for function, argument := range value {
				if result, isFunction := s.call(function, argument); isFunction {
					return result
				}
			}
		}
		resolved := make(object)
		for key, member := range value {
			if member := s.resolve(member); member != any(noValue{}) {
				resolved[key] = member
			}
		}
		return resolved
	case []any:
		resolved := make([]any, 0, len(value))
		for _, item := range value {
			if item := s.resolve(item); item != any(noValue{}) {
				resolved = append(resolved, item)
			}
		}
		return resolved
	default:
		return value
	}
}

// call resolves the functions that the template uses.
// https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/intrinsic-function-reference.html
func (s *stack) call(function string, argument any) (result any, isFunction bool) {
	s.t.Helper()
	switch function {
	case "Ref":
		return s.ref(argument.(string)), true
	case "Fn::GetAtt":
		return s.attribute(argument.(string)), true
	case "Fn::Sub":
		return s.substitute(argument), true
	case "Fn::If":
		branches := argument.([]any)
		if s.holds(branches[0].(string)) {
			return s.resolve(branches[1]), true
		}
		return s.resolve(branches[2]), true
	case "Condition":
		name, isName := argument.(string)
		return isName && s.holds(name), isName
	}
	if !strings.HasPrefix(function, "Fn::") {
		return nil, false
	}
	arguments := s.resolve(argument).([]any)
	switch function {
	case "Fn::Equals":
		return arguments[0] == arguments[1], true
	case "Fn::Not":
		return !arguments[0].(bool), true
	case "Fn::And":
		return !slices.Contains(arguments, any(false)), true
	case "Fn::Split":
		parts := make([]any, 0)
		for part := range strings.SplitSeq(arguments[1].(string), arguments[0].(string)) {
			parts = append(parts, part)
		}
		return parts, true
	case "Fn::Select":
		var index int
		if _, err := fmt.Sscan(arguments[0].(string), &index); err != nil {
			s.t.Fatal(err)
		}
		return arguments[1].([]any)[index], true
	default:
		s.t.Fatalf("the template uses %s, which this test cannot resolve", function)
		return nil, true
	}
}

func (s *stack) ref(name string) any {
	s.t.Helper()
	if value, ok := pseudo[name]; ok {
		return value
	}
	if value, ok := s.parameters[name]; ok {
		return value
	}
	return s.named(name, name)
}

// attribute is that of a resource, as in Podinfo.Arn.
func (s *stack) attribute(path string) any {
	s.t.Helper()
	id, _, _ := strings.Cut(path, ".")
	return s.named(id, path)
}

// named stands for what a resource will be called. The URL of the function is a resource that SAM makes.
func (s *stack) named(id, path string) string {
	s.t.Helper()
	if id == "PodinfoUrl" {
		id = "Podinfo"
	}
	resource, known := s.section("Resources")[id].(object)
	if !known {
		s.t.Fatalf("the template has no resource %s", id)
	}
	if condition, ok := resource["Condition"].(string); ok && !s.holds(condition) {
		s.t.Fatalf("the template refers to %s where its condition %s does not hold", id, condition)
	}
	return "<" + path + ">"
}

var variable = regexp.MustCompile(`\$\{([A-Za-z0-9:.]+)\}`)

func (s *stack) substitute(argument any) string {
	s.t.Helper()
	text, _ := argument.(string)
	local := object{}
	if list, ok := argument.([]any); ok {
		text = list[0].(string)
		local = s.resolve(list[1]).(object)
	}
	return variable.ReplaceAllStringFunc(text, func(found string) string {
		name := variable.FindStringSubmatch(found)[1]
		if value, ok := local[name]; ok {
			return value.(string)
		}
		if strings.Contains(name, ".") {
			return s.attribute(name).(string)
		}
		return s.ref(name).(string)
	})
}
