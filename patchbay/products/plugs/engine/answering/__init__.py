"""From a question to a verified answer: retrieve, prompt, read the model's text, bind its quotes, let through."""
