"""The Python SDK of OpenAI, through chat completions and Responses."""
import json

import openai

from shared import CODER, LOOKUP, PLANNER, WRITE, Tools, play_desk, raised, result


def chat_loop(client, model, system, question, schemas, run):
    tools = [{"type": "function", "function": {"name": name, "parameters": parameters}} for name, parameters in schemas.items()]
    messages = [{"role": "system", "content": system}, {"role": "user", "content": question}]
    while True:
        message = client.chat.completions.create(model=model, messages=messages, tools=tools).choices[0].message
        messages.append(message)
        if not message.tool_calls:
            return message.content
        for call in message.tool_calls:
            content = run(call.function.name, json.loads(call.function.arguments))
            messages.append({"role": "tool", "tool_call_id": call.id, "content": content})


def chat(context):
    tools_run = Tools()
    client = openai.OpenAI(base_url=context["origin"] + "/v1", api_key="sk-test")
    model = context["model"]
    plan = chat_loop(client, model, PLANNER, "Plan the journey.", {"lookup": LOOKUP}, tools_run.run)
    code = chat_loop(client, model, CODER, plan, {"write_file": WRITE}, tools_run.run)
    with client.chat.completions.stream(model=model, messages=[{"role": "user", "content": "Stream."}]) as stream:
        streamed = stream.get_final_completion().choices[0].message.content
    left = False
    with client.chat.completions.create(model=model, messages=[{"role": "user", "content": context["endless"]}], stream=True) as stream:
        for chunk in stream:
            if chunk.choices[0].delta.content:
                left = True
                break
    retried = client.chat.completions.create(model=context["busyModel"], messages=[{"role": "user", "content": "Again."}]).choices[0].message.content
    error = raised(lambda: client.chat.completions.create(model=context["noSuchModel"], messages=[{"role": "user", "content": "x"}]))
    return result(tools_run, [plan, code], streamed, left, retried, error)


def chat_desk(context):
    client = openai.OpenAI(base_url=context["origin"] + "/v1", api_key="sk-test")
    return play_desk(context, lambda agent, question, schemas, run: chat_loop(client, context["model"], agent["instructions"], question, schemas, run))


def responses_loop(client, model, instructions, question, schemas, run):
    tools = [{"type": "function", "name": name, "parameters": parameters, "strict": True} for name, parameters in schemas.items()]
    given = [{"role": "user", "content": question}]
    while True:
        response = client.responses.create(model=model, instructions=instructions, input=given, tools=tools, store=False)
        calls = [item for item in response.output if item.type == "function_call"]
        if not calls:
            return response.output_text
        given += response.output
        for call in calls:
            output = run(call.name, json.loads(call.arguments))
            given.append({"type": "function_call_output", "call_id": call.call_id, "output": output})


def responses(context):
    tools_run = Tools()
    client = openai.OpenAI(base_url=context["origin"] + "/v1", api_key="sk-test")
    model = context["model"]
    plan = responses_loop(client, model, PLANNER, "Plan the journey.", {"lookup": LOOKUP}, tools_run.run)
    code = responses_loop(client, model, CODER, plan, {"write_file": WRITE}, tools_run.run)
    with client.responses.stream(model=model, input="Stream.") as stream:
        streamed = stream.get_final_response().output_text
    left = False
    with client.responses.create(model=model, input=context["endless"], stream=True) as stream:
        for event in stream:
            if event.type == "response.output_text.delta":
                left = True
                break
    retried = client.responses.create(model=context["busyModel"], input="Again.").output_text
    error = raised(lambda: client.responses.create(model=context["noSuchModel"], input="x"))
    return result(tools_run, [plan, code], streamed, left, retried, error)


def responses_desk(context):
    client = openai.OpenAI(base_url=context["origin"] + "/v1", api_key="sk-test")
    return play_desk(context, lambda agent, question, schemas, run: responses_loop(client, context["model"], agent["instructions"], question, schemas, run))


SCENARIOS = {"chat": chat, "responses": responses, "chat, desk": chat_desk, "responses, desk": responses_desk}
