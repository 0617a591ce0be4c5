// Starts Swagger UI on the document beside it. The addresses are relative, so that they hold under any prefix.
'use strict';

const dark = matchMedia('(prefers-color-scheme: dark)');
const followScheme = () => document.documentElement.classList.toggle('dark-mode', dark.matches);
dark.addEventListener('change', followScheme);
followScheme();

window.ui = SwaggerUIBundle({
  dom_id: '#swagger-ui',
  url: new URL('../openapi.json', location.href).href,
  deepLinking: true,
  defaultModelsExpandDepth: 0,
  displayRequestDuration: true,
  validatorUrl: null, // the badge would send the document to another host
});
