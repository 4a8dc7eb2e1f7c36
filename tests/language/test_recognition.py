"""Which YAML files are specifications: those of other programs are not, and those with slips of the pen are."""

from __future__ import annotations

from pathlib import Path

import pytest
from running import run

from shapecalc.language.recognition import is_specification

ROOT = Path(__file__).parents[2]

# fmt: off
OTHERS = {
"github workflow": "name: CI\non:\n  push:\n    branches: [main]\njobs:\n  test:\n    runs-on: ubuntu-latest\n    steps:\n      - uses: actions/checkout@v4\n      - run: make\n",
"compose": "services:\n  web:\n    image: nginx\n    build: .\n    ports:\n      - '80:80'\nvolumes:\n  data: {}\n",
"k8s": "apiVersion: apps/v1\nkind: Deployment\nmetadata:\n  name: x\nspec:\n  template:\n    spec:\n      containers:\n      - name: a\n        image: b\n",
"openapi": "openapi: 3.0.0\ninfo:\n  title: x\npaths:\n  /a:\n    get:\n      parameters:\n      - name: limit\n        in: query\ncomponents:\n  schemas: {}\n",
"helm values": "replicaCount: 1\nimage:\n  repository: nginx\nservice:\n  type: ClusterIP\ningress:\n  hosts:\n  - host: a\n",
"helm template": "{{- if .Values.layers }}\nlayers: {{ .Values.inputs }}\n{{- end }}\n",
"mkdocs": "site_name: x\nnav:\n  - Home: index.md\n  - About: about.md\ntheme:\n  name: material\nplugins:\n  - search\n",
"pre-commit": "repos:\n- repo: https://x\n  rev: v1\n  hooks:\n  - id: ruff\n  - id: shapecalc-check\n",
"slack yaml": "blocks:\n  - type: section\n    text:\n      type: mrkdwn\n      text: hi\n  - type: divider\n  - type: input\n    element: {type: plain_text_input}\n",
"slack json": '{\n  "blocks": [\n    {\n      "type": "section",\n      "text": {"type": "mrkdwn", "text": "x"}\n    },\n    {\n      "type": "input"\n    }\n  ]\n}\n',
"slack inline": "blocks: [{type: header, text: {type: plain_text}}, {type: actions}]\n",
"conda": "name: env\nchannels:\n  - conda-forge\ndependencies:\n  - python=3.11\n  - pip\n  - pip:\n    - torch\n",
"ansible": "- hosts: all\n  become: true\n  tasks:\n    - name: install\n      apt: {name: nginx}\n    - copy: {src: a, dest: b}\n",
"ansible tasks": "- name: a\n  copy: {src: a}\n- name: b\n  shell: ls\n",
"ansible blocks": "- block:\n    - copy: {src: a}\n  rescue:\n    - debug: {msg: x}\n",
"model card": "license: mit\ntags:\n- pytorch\n- conv\n- relu\ndatasets:\n- imagenet\nmodel-index:\n- name: x\n",
"hf config": '{\n  "architectures": ["BertModel"],\n  "hidden_size": 768,\n  "layers": 12,\n  "vocab_size": 3\n}\n',
"hf config yaml": "model_type: llama\nhidden_size: 4096\nnum_hidden_layers: 32\nvocab_size: 32000\n",
"hidden sizes": "input: 784\nlayers: [64, 64]\noptimizer: adam\nlr: 0.1\n",
"hydra": "defaults:\n  - model: resnet\n  - _self_\nmodel:\n  layers: [1, 2]\n  input: 3\ntrainer:\n  epochs: 3\n",
"yolo": "nc: 80\ndepth_multiple: 0.33\nwidth_multiple: 0.5\nanchors:\n  - [10,13]\nbackbone:\n  - [-1, 1, Conv, [64, 6, 2, 2]]\n  - [-1, 1, SPPF, [1024, 5]]\nhead:\n  - [-1, 1, Conv, [512, 1, 1]]\n",
"serverless": "service: x\nlayers:\n  libraries: {path: x}\nfunctions:\n  a:\n    handler: b\n",
"maps": "map: world\nlayers: [roads]\ntiles: x\nzoom: 3\n",
"mapbox": "version: 8\nlayers:\n  - id: water\n    type: fill\n    source: a\n  - id: background\n    type: background\nsources: {}\n",
"mapproxy": "layers:\n  - name: osm\n    title: x\n    sources: [osm]\nservices: {wms: {}}\ncaches: {}\n",
"keyboard": "layout: qwerty\nlayers:\n  base: [a, b]\n  fn: [c, d]\n",
"github issue form": "name: Bug\ndescription: x\nbody:\n  - type: input\n    attributes: {label: a}\n  - type: dropdown\n",
"dependabot": "version: 2\nupdates:\n  - package-ecosystem: pip\n    directory: /\n    schedule: {interval: weekly}\n",
"gitlab": "stages:\n  - build\n  - test\nbuild:\n  stage: build\n  script:\n    - make\n",
"azure": "trigger:\n- main\npool:\n  vmImage: ubuntu-latest\nsteps:\n- script: echo\n",
"circleci": "version: 2.1\njobs:\n  build:\n    docker:\n      - image: x\n    steps:\n      - checkout\n      - run: make\n",
"cloudformation": "AWSTemplateFormatVersion: '2010-09-09'\nResources:\n  A:\n    Type: AWS::Lambda::Function\n    Properties:\n      Layers:\n        - arn:x\nOutputs: {A: {Value: x}}\nParameters: {}\n",
"prometheus": "global: {scrape_interval: 15s}\nscrape_configs:\n  - job_name: a\n    static_configs:\n    - targets: [x]\n",
"grafana": "apiVersion: 1\nproviders:\n  - name: a\n    type: file\ninput: x\n",
"swagger blocks": "input: a\noutput: b\nvars:\n  x: 1\n",
"taskfile": "version: '3'\nvars:\n  A: b\ntasks:\n  build:\n    cmds:\n      - go build\n",
"ansible vars": "vars:\n  a: 1\n  b: 2\n",
"logstash": "input:\n  beats: {port: 5044}\nfilter: {}\noutput:\n  elasticsearch: {hosts: [a]}\n",
"benthos": "input:\n  kafka: {addresses: [a]}\npipeline:\n  processors:\n    - mapping: x\noutput:\n  drop: {}\n",
"dbt": "version: 2\nmodels:\n  - name: a\n    columns:\n      - name: id\n        tests: [unique]\n",
"dvc": "stages:\n  train:\n    cmd: python train.py\n    deps:\n      - data\n    outs:\n      - model.pt\n",
"mmdet": "model:\n  type: FasterRCNN\n  backbone: {type: ResNet, depth: 50}\n  neck: {type: FPN}\noptimizer: {type: SGD}\n",
"torchtune": "model:\n  _component_: torchtune.models.llama3\n  lora_attn_modules: ['q_proj', 'v_proj']\nbatch_size: 2\nloss: {_component_: x}\n",
"axolotl": "base_model: x\nadapter: lora\nlora_target_modules:\n  - q_proj\n  - linear\ndatasets:\n  - path: a\n    type: alpaca\n",
"ludwig": "input_features:\n  - name: x\n    type: image\n    encoder: {type: stacked_cnn}\noutput_features:\n  - name: y\n    type: category\ncombiner: {type: concat}\n",
"keras yaml": "backend: tensorflow\nclass_name: Sequential\nconfig:\n  layers:\n  - class_name: Dense\n    config: {units: 10}\nkeras_version: 2.2.4\n",
"citation": "cff-version: 1.2.0\ntitle: x\nauthors:\n  - family-names: a\n",
"readthedocs": "version: 2\nbuild:\n  os: ubuntu\nsphinx: {configuration: docs/conf.py}\npython:\n  install:\n    - requirements: x\n",
"home assistant": "input_boolean:\n  a: {name: x}\nautomation:\n  - alias: a\n    trigger: []\n",
"esphome": "esphome: {name: a}\nsensor:\n  - platform: dht\n    filters:\n      - multiply: 2\n",
"i18n": "en:\n  title: x\n  blocks: y\n",
"cocoa": "name: a\nsource: b\ndescription: c\nblocks:\n  - name: x\n    type: y\n",
"empty": "", "a list": "- a\n- b\n", "two": "a: 1\n---\nb: 2\n", "broken": "a: [\n\tb\n",
}

LAYERS = "layers:\n  - conv: {out_channels: 8, kernel_size: 3}\n  - relu\n  - flatten\n  - fc: 10\n"
SLIPS = {
"good": "input: 3x8x8\n"+LAYERS,
"inptu": "inptu: 3x8x8\n"+LAYERS, "imput": "imput: 3x8x8\n"+LAYERS, "Input": "Input: 3x8x8\n"+LAYERS, "input_size": "input_size: 3x8x8\n"+LAYERS,
"in": "in: 3x8x8\n"+LAYERS,
"no input": LAYERS,
"layer": "input: 3x8x8\n"+LAYERS.replace("layers","layer"), "Layers": "input: 3x8x8\n"+LAYERS.replace("layers","Layers"),
"layres": "input: 3x8x8\n"+LAYERS.replace("layers","layres"), "lyers": "input: 3x8x8\n"+LAYERS.replace("layers","lyers"),
"model": "input: 3x8x8\n"+LAYERS.replace("layers","model"), "network": "input: 3x8x8\n"+LAYERS.replace("layers","network"), "architecture": "input: 3x8x8\n"+LAYERS.replace("layers","architecture"),
"both": "inptu: 3x8x8\n"+LAYERS.replace("layers","layres"),
"no colon": "input: 3x8x8\n"+LAYERS.replace("layers:","layers"),
"no colon input": "input 3x8x8\n"+LAYERS,
"no space": "input:3x8x8\n"+LAYERS,
"equals": "input = 3x8x8\n"+LAYERS,
"list": "- conv: {out_channels: 8, kernel_size: 3}\n- relu\n- fc: 10\n",
"list with input": "- input: 3x8x8\n- conv: {out_channels: 8, kernel_size: 3}\n- relu\n- fc: 10\n",
"indented": "  input: 3x8x8\n"+"".join("  "+x+"\n" for x in LAYERS.splitlines()),
"no list": "input: 3x8x8\nconv: {out_channels: 8, kernel_size: 3}\nrelu:\nfc: 10\n",
"bad kinds": "input: 3x8x8\nlayers:\n  - convv: {out_channels: 8, kernel_size: 3}\n  - rleu\n",
"block": "input: 3x8x8\nblock:\n  cell:\n    - conv: {out_channels: 8, kernel_size: 3}\n    - relu\n"+LAYERS,
"blokcs": "input: 3x8x8\nblokcs:\n  cell:\n    - conv: {out_channels: 8, kernel_size: 3}\n    - relu\n"+LAYERS,
"only blokcs": "blokcs:\n  cell:\n    - conv: {out_channels: 8, kernel_size: 3}\n    - relu\n",
"only blocks": "blocks:\n  cell:\n    args: {c: 8}\n    layers:\n      - conv: {out_channels: c, kernel_size: 3}\n      - relu\n",
"tab": "input: 3x8x8\nlayers:\n\t- conv: {out_channels: 8, kernel_size: 3}\n\t- relu\n",
"brace": "input: 3x8x8\nlayers:\n  - conv: {out_channels: 8, kernel_size: 3\n  - relu\n",
"meta": "author: me\ndate: 2024\nversion: 3\nproject: x\ninput: 3x8x8\n"+LAYERS,
"meta slip": "author: me\ndate: 2024\nversion: 3\ninput: 3x8x8\n"+LAYERS.replace("layers","layer"),
"no dash space": "input: 3x8x8\nlayers:\n  -conv: {out_channels: 8, kernel_size: 3}\n  -relu\n",
"calls": "input: 3x8x8\nlayers:\n  - Conv2d(3, 8, 3)\n  - ReLU()\n",
"flow": "input: 3x8x8\nlayers: [conv: {out_channels: 8, kernel_size: 3}, relu]\n",
"quoted": '"input": 3\n"layers" : [nothing]\n', "x": "layers: [x]\ninputs: 3\n", "vars": "layers: [relu]\nvars: {\n",
"variants": "name: a\nvars: {a: 1}\ninput: 3x8x8\nlayes:\n  - linear: a\n  - relu\nvarients:\n  x: {vars: {a: 3}}\n",
"torch names": "input: 3x8x8\nlayer:\n  - Conv2d: {out_channels: 8, kernel_size: 3}\n  - ReLU\n  - MaxPool2d: 2\n",
"json": '{\n  "input": [3, 8, 8],\n  "layers": [\n    {"conv": {"out_channels": 8, "kernel_size": 3}},\n    {"relu": {}}\n  ]\n}\n',
"use": "use: blocks.yaml\ninput: 3x8x8\nlayers:\n  - cell: 3\n  - cell: 4\n",
"use slip": "use: blocks.yaml\ninptu: 3x8x8\nlayers:\n  - cell: 3\n  - cell: 4\n",
}
# fmt: on
NOTHING_OF_ONE = {
    "no_layers",
    "top_level_number",
    "top_level_word",
    "empty",
    "only_comments",
    "section_of_ini",
    "input_as_a_layer",
}  # fmt: skip


@pytest.mark.parametrize("name", OTHERS)
def test_files_of_other_programs(name):
    assert not is_specification(OTHERS[name])
    assert not is_specification(OTHERS[name].encode())


@pytest.mark.parametrize("name", SLIPS)
def test_specifications_with_slips_of_the_pen(name):
    assert is_specification(SLIPS[name])
    assert is_specification("\ufeff" + SLIPS[name].replace("\n", "\r\n"))


def test_every_specification_with_a_mistake():
    paths = sorted((ROOT / "tests" / "bad_specs").glob("*.yaml"))
    assert {path.stem for path in paths if not is_specification(path.read_bytes())} == NOTHING_OF_ONE


def test_the_check_skips_others_and_shows_slips(tmp_path):
    for name, text in (("slack", OTHERS["slack yaml"]), ("net", SLIPS["both"])):
        (tmp_path / f"{name}.yaml").write_text(text, encoding="utf-8")
    assert run("check", "--skip-others", tmp_path / "slack.yaml") == (0, "", "")
    ran = run("check", "--skip-others", tmp_path / "net.yaml")
    assert ran.status == 1
    assert "did you mean input?" in ran.err


def test_a_file_of_blocks_is_checked_inside(tmp_path):
    file = tmp_path / "blocks.yaml"
    file.write_text(SLIPS["only blocks"], encoding="utf-8")
    assert run("check", "--skip-others", file) == (0, f"ok     {file}: 1 block, no network\n", "")
    file.write_text(SLIPS["only blocks"].replace("- relu", "- rleu"), encoding="utf-8")
    ran = run("check", "--skip-others", file)
    assert ran.status == 1
    assert "there is no kind of layer called rleu" in ran.err
