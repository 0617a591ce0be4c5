package sam

import (
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/podinfo-targets/podinfo/test/testkit"
)

// everything turns all doors on.
var everything = []string{
	"EnableHttpApi=true", "EnableRestApi=true", "EnableLoadBalancer=true", "VpcId=vpc-0123456789abcdef0",
	"SubnetIds=subnet-0123abcd,subnet-4567ef01", "LoadBalancerClients=10.0.0.0/16",
}

func lint(t *testing.T, template string) (string, error) {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), testkit.Optional(t, "cfn-lint"), template).CombinedOutput()
	return string(out), err
}

func TestTemplatePassesCfnLint(t *testing.T) {
	t.Parallel()
	if out, err := lint(t, file); err != nil {
		t.Errorf("cfn-lint: %v\n%s", err, out)
	}
}

// TestCfnLintFindsMistakes shows that passing it means something.
func TestCfnLintFindsMistakes(t *testing.T) {
	t.Parallel()
	template, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct{ name, right, wrong, said string }{
		{"a property that does not exist", "        AuthType: !Ref Auth", "        AuthTyp: !Ref Auth", "AuthTyp"},
		{"a value that does not exist", "        AuthType: !Ref Auth", "        AuthType: AWS_IMA", "AuthType is required"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			if !strings.Contains(string(template), test.right) {
				t.Fatalf("the template has no %q to misspell", test.right)
			}
			wrong := filepath.Join(t.TempDir(), "template.yaml")
			misspelt := strings.Replace(string(template), test.right, test.wrong, 1)
			if err := os.WriteFile(wrong, []byte(misspelt), 0o600); err != nil {
				t.Fatal(err)
			}
			out, err := lint(t, wrong)
			if err == nil || !strings.Contains(out, test.said) {
				t.Errorf("cfn-lint: %v, want it to complain of %s:\n%s", err, test.said, out)
			}
		})
	}
}

// doorAuth names, for each kind of resource through which HTTP requests come in, the property that says who may.
var doorAuth = map[string]string{
	"AWS::ApiGatewayV2::Route": "AuthorizationType",
	"AWS::ApiGateway::Method":  "AuthorizationType",
}

func TestEveryDoorAsksForIAM(t *testing.T) {
	t.Parallel()
	for _, auth := range []string{"", "AWS_IAM", "NONE"} {
		t.Run("Auth="+auth, func(t *testing.T) {
			t.Parallel()
			parameters, want := everything, "AWS_IAM"
			if auth != "" {
				parameters, want = append(slices.Clone(everything), "Auth="+auth), auth
			}
			s := create(t, parameters...)
			if got := s.properties("Podinfo")["FunctionUrlConfig"].(object)["AuthType"]; got != want {
				t.Errorf("the function URL has AuthType %v, want %s", got, want)
			}
			for kind, property := range doorAuth {
				doors := s.ofType(kind)
				if len(doors) == 0 {
					t.Errorf("there is no %s", kind)
				}
				for id, properties := range doors {
					if properties[property] != want {
						t.Errorf("%s has %s %v, want %s", id, property, properties[property], want)
					}
				}
			}
			anybody := 0
			for id, properties := range s.ofType("AWS::Lambda::Permission") {
				_, bound := properties["SourceArn"]
				switch {
				case properties["Principal"] == "*":
					anybody++
				case !bound:
					t.Errorf("%s lets every %v call, not only that of the stack", id, properties["Principal"])
				}
			}
			if open := 2; want == "NONE" && anybody != open || want != "NONE" && anybody != 0 {
				t.Errorf("%d permissions let anybody call, with Auth %s", anybody, want)
			}
		})
	}
}

// TestNoDoorIsForgotten lists the doors of each choice, so that a new one has to be looked at.
func TestNoDoorIsForgotten(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		parameters []string
		want       []string // outputs that are URLs
	}{
		{nil, []string{"FunctionUrl", "HttpApiUrl"}},
		{[]string{"EnableHttpApi=false"}, []string{"FunctionUrl"}},
		{[]string{"EnableRestApi=true"}, []string{"FunctionUrl", "HttpApiUrl", "RestApiUrl"}},
		{everything, []string{"FunctionUrl", "HttpApiUrl", "LoadBalancerUrl", "RestApiUrl"}},
	} {
		s := create(t, test.parameters...)
		var urls []string
		for name := range s.outputs() {
			if strings.HasSuffix(name, "Url") {
				urls = append(urls, name)
			}
		}
		slices.Sort(urls)
		if !slices.Equal(urls, test.want) {
			t.Errorf("%v has the doors %v, want %v", test.parameters, urls, test.want)
		}
		var invokers []string
		for _, properties := range s.ofType("AWS::Lambda::Permission") {
			invokers = append(invokers, properties["Principal"].(string))
		}
		if len(invokers) != len(test.want)-1 {
			t.Errorf("%v lets %v invoke the function, want one for each door but its URL", test.parameters, invokers)
		}
	}
}

// A load balancer knows no IAM, so addresses have to do.
func TestLoadBalancerIsInternal(t *testing.T) {
	t.Parallel()
	s := create(t, everything...)
	if scheme := s.properties("LoadBalancer")["Scheme"]; scheme != "internal" {
		t.Errorf("the load balancer's scheme is %v", scheme)
	}
	subnets := s.properties("LoadBalancer")["Subnets"]
	if !reflect.DeepEqual(subnets, []any{"subnet-0123abcd", "subnet-4567ef01"}) {
		t.Errorf("the load balancer is in %v", subnets)
	}
	for _, rule := range s.properties("LoadBalancerSecurityGroup")["SecurityGroupIngress"].([]any) {
		if got := rule.(object)["CidrIp"]; got != "10.0.0.0/16" {
			t.Errorf("the load balancer lets %v in, want LoadBalancerClients only", got)
		}
	}
	attributes := s.properties("LoadBalancerTargetGroup")["TargetGroupAttributes"]
	want := []any{object{"Key": "lambda.multi_value_headers.enabled", "Value": "true"}}
	if !reflect.DeepEqual(attributes, want) {
		t.Errorf("the target group has %v, want %v", attributes, want)
	}
	const certificate = "CertificateArn=arn:aws:acm:eu-west-1:123456789012:certificate/a"
	encrypted := create(t, append(slices.Clone(everything), certificate)...)
	for s, want := range map[*stack][2]string{s: {"HTTP", "80"}, encrypted: {"HTTPS", "443"}} {
		listener := s.properties("LoadBalancerListener")
		ingress := s.properties("LoadBalancerSecurityGroup")["SecurityGroupIngress"].([]any)[0].(object)
		if listener["Protocol"] != want[0] || listener["Port"] != want[1] || ingress["ToPort"] != want[1] {
			t.Errorf("the load balancer speaks %v on %v, and lets clients in to %v; want %v",
				listener["Protocol"], listener["Port"], ingress["ToPort"], want)
		}
	}
}

// Wrong choices are refused before anything is made.
func TestLoadBalancerNeedsItsNetwork(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		parameters []string
		want       []string // beginnings
	}{
		{nil, nil},
		{everything, nil},
		{[]string{"EnableLoadBalancer=true"}, []string{"VpcId", "SubnetIds", "LoadBalancerClients"}},
		{[]string{"EnableLoadBalancer=true", everything[4], everything[3]}, []string{"LoadBalancerClients"}},
	} {
		refused := create(t, test.parameters...).refused()
		missing := slices.DeleteFunc(slices.Clone(test.want), func(name string) bool {
			return slices.ContainsFunc(refused, func(said string) bool { return strings.Contains(said, name) })
		})
		if len(refused) != len(test.want) || len(missing) > 0 {
			t.Errorf("%v is refused for %q, want words about %v", test.parameters, refused, test.want)
		}
	}
}

// The execution role may do what the function does, and nothing else.
func TestRoleIsLeast(t *testing.T) {
	t.Parallel()
	logs := []any{object{"Effect": "Allow", "Action": []any{"logs:CreateLogStream", "logs:PutLogEvents"},
		"Resource": "<LogGroup.Arn>"}}
	xray := []any{object{"Effect": "Allow", "Action": []any{"xray:PutTraceSegments", "xray:PutTelemetryRecords"},
		"Resource": "*"}} // X-Ray knows no resources in permissions
	for parameter, want := range map[string][]any{"Tracing=false": {logs}, "Tracing=true": {logs, xray}} {
		s := create(t, append(slices.Clone(everything), parameter)...)
		role := s.properties("Role")
		if _, managed := role["ManagedPolicyArns"]; managed {
			t.Error("the role has managed policies, which allow more than the function needs")
		}
		var statements []any
		for _, policy := range role["Policies"].([]any) {
			statements = append(statements, policy.(object)["PolicyDocument"].(object)["Statement"])
		}
		if !reflect.DeepEqual(statements, want) {
			t.Errorf("%s allows %v, want %v", parameter, statements, want)
		}
		if roles := s.ofType("AWS::IAM::Role"); len(roles) != 1 {
			t.Errorf("the stack has %d roles, want that of the function", len(roles))
		}
		if s.properties("Podinfo")["Role"] != "<Role.Arn>" {
			t.Error("the function has another role")
		}
	}
}

// The function cannot see how it is invoked: what its doors do and what it is told have to be the same.
func TestInvokeModeAgrees(t *testing.T) {
	t.Parallel()
	const invocation = "arn:aws:apigateway:eu-west-1:lambda:path/%s/functions/<Podinfo.Arn>/%s"
	for mode, want := range map[string]struct{ transfer, uri string }{
		"RESPONSE_STREAM": {"STREAM", fmt.Sprintf(invocation, "2021-11-15", "response-streaming-invocations")},
		"BUFFERED":        {"BUFFERED", fmt.Sprintf(invocation, "2015-03-31", "invocations")},
	} {
		s := create(t, append(slices.Clone(everything), "InvokeMode="+mode)...)
		if got := s.properties("Podinfo")["FunctionUrlConfig"].(object)["InvokeMode"]; got != mode {
			t.Errorf("the function URL has InvokeMode %v, want %s", got, mode)
		}
		if told := "PODINFO_LAMBDA_INVOKE_MODE=" + mode; !slices.Contains(s.environment(), told) {
			t.Errorf("the function is told %v, want %s", s.environment(), told)
		}
		for id, method := range s.ofType("AWS::ApiGateway::Method") {
			integration := method["Integration"].(object)
			if integration["ResponseTransferMode"] != want.transfer || integration["Uri"] != want.uri {
				t.Errorf("%s with InvokeMode %s is integrated as %v, want %+v", id, mode, integration, want)
			}
		}
	}
	if mode := create(t).parameters["InvokeMode"]; mode != "RESPONSE_STREAM" {
		t.Errorf("InvokeMode is %v by default", mode)
	}
}

func TestRestAPIPassesBodiesThatAreNoText(t *testing.T) {
	t.Parallel()
	types := create(t, everything...).properties("RestApi")["BinaryMediaTypes"]
	if !reflect.DeepEqual(types, []any{"*/*"}) {
		t.Errorf("the REST API takes %v for binary, want everything", types)
	}
}

// A stage keeps the deployment that it has: unless Auth chooses another one, a change of it never takes effect.
func TestRestAPIIsDeployedAnewWithAuth(t *testing.T) {
	t.Parallel()
	deployments := make(map[any]string)
	for _, auth := range []string{"AWS_IAM", "NONE"} {
		s := create(t, append(slices.Clone(everything), "Auth="+auth)...)
		deployments[s.properties("RestApiDeployedStage")["DeploymentId"]] = auth
		if all := s.ofType("AWS::ApiGateway::Deployment"); len(all) != 1 {
			t.Errorf("%d deployments with Auth %s, want one", len(all), auth)
		}
	}
	if len(deployments) != 2 {
		t.Errorf("the stage has the same deployment whatever Auth is: %v", deployments)
	}
}

func TestPathsBeginWithTheStage(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		parameters []string
		prefix     string
		want       map[string]string
	}{
		{everything[2:], "", map[string]string{
			"FunctionUrl": "<PodinfoUrl.FunctionUrl>", "HttpApiUrl": "<HttpApi.ApiEndpoint>/",
			"LoadBalancerUrl": "http://<LoadBalancer.DNSName>/",
		}},
		{append(slices.Clone(everything), "RestApiStage=live"), "PODINFO_PREFIX=/live", map[string]string{
			"FunctionUrl": "<PodinfoUrl.FunctionUrl>live", "HttpApiUrl": "<HttpApi.ApiEndpoint>/live",
			"RestApiUrl":      "https://<RestApi>.execute-api.eu-west-1.amazonaws.com/live",
			"LoadBalancerUrl": "http://<LoadBalancer.DNSName>/live",
		}},
	} {
		s := create(t, test.parameters...)
		outputs := s.outputs()
		maps.DeleteFunc(outputs, func(name, _ string) bool { return !strings.HasSuffix(name, "Url") })
		if !maps.Equal(outputs, test.want) {
			t.Errorf("the doors of %v are %v, want %v", test.parameters, outputs, test.want)
		}
		prefixed := slices.DeleteFunc(s.environment(), func(e string) bool {
			return !strings.HasPrefix(e, "PODINFO_PREFIX=")
		})
		if strings.Join(prefixed, "") != test.prefix {
			t.Errorf("the function is told %q of its paths, want %q", prefixed, test.prefix)
		}
		for _, stage := range s.ofType("AWS::ApiGateway::Stage") {
			if "PODINFO_PREFIX=/"+stage["StageName"].(string) != test.prefix {
				t.Errorf("the stage is %v, and the paths begin with %s", stage["StageName"], test.prefix)
			}
		}
	}
}

// What is optional is not there unless it is asked for: an empty variable is a value, too.
func TestOptionalSettings(t *testing.T) {
	t.Parallel()
	const secret = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:jwt-a1b2c3"
	given := create(t, "JwtSecretArn="+secret, "OtlpEndpoint=https://collector:4318", "ReservedConcurrency=10",
		"AlarmTopicArn=arn:aws:sns:eu-west-1:123456789012:alarms", "UiMessage=ahoy")
	for _, want := range []string{
		"PODINFO_JWT_SECRET={{resolve:secretsmanager:" + secret + "}}", "PODINFO_OTEL_SERVICE_NAME=podinfo",
		"OTEL_EXPORTER_OTLP_ENDPOINT=https://collector:4318", "PODINFO_UI_MESSAGE=ahoy",
	} {
		name, _, _ := strings.Cut(want, "=")
		if !slices.Contains(given.environment(), want) {
			t.Errorf("the function is told %v, want %s", given.environment(), want)
		}
		if absent := create(t).environment(); strings.Contains(strings.Join(absent, " "), name+"=") {
			t.Errorf("the function is told %s unasked", name)
		}
	}
	if got := given.properties("Podinfo")["ReservedConcurrentExecutions"]; got != "10" {
		t.Errorf("the reserved concurrency is %v, want 10", got)
	}
	if _, ok := create(t).properties("Podinfo")["ReservedConcurrentExecutions"]; ok {
		t.Error("there is a reserved concurrency unasked")
	}
	for id, alarm := range given.ofType("AWS::CloudWatch::Alarm") {
		if !reflect.DeepEqual(alarm["AlarmActions"], []any{"arn:aws:sns:eu-west-1:123456789012:alarms"}) {
			t.Errorf("%s tells %v, want the topic", id, alarm["AlarmActions"])
		}
	}
}

// Alarms watch this stack, not every podinfo of the account.
func TestAlarms(t *testing.T) {
	t.Parallel()
	s := create(t)
	own := []any{object{"Name": "FunctionName", "Value": "<Podinfo>"}}
	var metrics []string
	for id, alarm := range s.ofType("AWS::CloudWatch::Alarm") {
		if _, combined := alarm["Metrics"]; combined {
			continue
		}
		metrics = append(metrics, fmt.Sprint(alarm["MetricName"], " ", alarm["Statistic"], alarm["ExtendedStatistic"]))
		if !reflect.DeepEqual(alarm["Dimensions"], own) {
			t.Errorf("%s watches %v, want %v", id, alarm["Dimensions"], own)
		}
	}
	slices.Sort(metrics)
	if got := strings.Join(metrics, ", "); got != "Duration <nil>p99, Errors Sum<nil>, Throttles Sum<nil>" {
		t.Errorf("alarms watch %s", got)
	}
	counted := s.properties("ServerErrors")["MetricTransformations"].([]any)[0].(object)
	rate := s.properties("ErrorRateAlarm")["Metrics"].([]any)
	read := rate[1].(object)["MetricStat"].(object)["Metric"].(object)
	if read["Namespace"] != counted["MetricNamespace"] || read["MetricName"] != counted["MetricName"] {
		t.Errorf("the alarm reads %v, the log is counted as %v", read, counted)
	}
	if group := s.properties("ServerErrors")["LogGroupName"]; group != "<LogGroup>" {
		t.Errorf("lines of %v are counted", group)
	}
	if retention := s.properties("LogGroup")["RetentionInDays"]; retention != "14" {
		t.Errorf("logs are kept for %v days by default", retention)
	}
	logging := s.properties("Podinfo")["LoggingConfig"].(object)
	if logging["LogGroup"] != "<LogGroup>" {
		t.Errorf("the function logs to %v", logging["LogGroup"])
	}
}

func TestParameters(t *testing.T) {
	t.Parallel()
	template := read(t)
	used := fmt.Sprint(template["Resources"], template["Conditions"], template["Outputs"])
	for name, about := range template["Parameters"].(object) {
		about := about.(object)
		if !strings.Contains(used, "Ref:"+name+"]") && !strings.Contains(used, "${"+name+"}") {
			t.Errorf("the parameter %s is not used", name)
		}
		if about["Description"] == nil {
			t.Errorf("the parameter %s has no description", name)
		}
		if pattern := about["AllowedPattern"]; pattern != nil && about["ConstraintDescription"] == nil {
			t.Errorf("who gives %s a wrong value is told %v only", name, pattern)
		}
		if about["Type"] == "String" && about["AllowedValues"] == nil && about["AllowedPattern"] == nil &&
			about["MaxLength"] == nil {
			t.Errorf("the parameter %s takes everything", name)
		}
		if err := accepts(about, about["Default"].(string)); err != nil {
			t.Errorf("the default of %s: %v", name, err)
		}
	}
	for name, condition := range template["Conditions"].(object) {
		whole := fmt.Sprint(template["Resources"], template["Conditions"], template["Outputs"])
		if !strings.Contains(whole, "Condition:"+name) && !strings.Contains(whole, "Fn::If:["+name+" ") {
			t.Errorf("the condition %s, %v, is not used", name, condition)
		}
	}
}

func TestParametersRefuseWrongValues(t *testing.T) {
	t.Parallel()
	parameters := read(t)["Parameters"].(object)
	for name, wrong := range map[string]string{
		"Architecture": "amd64", "Auth": "none", "InvokeMode": "stream", "EnableHttpApi": "yes", "RestApiStage": "a/b",
		"VpcId": "podinfo", "LoadBalancerClients": "everybody", "CertificateArn": "podinfo.crt", "UiColor": "#zz",
		"LogLevel": "loud", "JwtSecretArn": "hunter2", "OtlpEndpoint": "collector:4317", "AlarmTopicArn": "me",
		"ReservedConcurrency": "-1", "LogRetentionDays": "2", "Tracing": "yes", "ReadOnly": "yes", "EnableRestApi": "1",
		"EnableLoadBalancer": "1", "SubnetIds": "subnet-0123abcd",
	} {
		if accepts(parameters[name].(object), wrong) == nil {
			t.Errorf("%s takes %q", name, wrong)
		}
	}
}
