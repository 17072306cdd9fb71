"""Given names that are widespread somewhere and no other English word.

The text rules find them in any case, so that text without capitals is not quite bare.
"""

from deemo_jax.deid.text.word_lists import word_set

GIVEN_NAMES = word_set(
    """
    aarav aaron abby abdul abdullah abdullahi abel abigail abraham achille ada adam addie adebayo adel adela adele
    adelina adeline adil adina adnan adolf adrian adriana adriano adrien adrienne adrián agata agatha agnes agnieszka
    agnès ahmad ahmed ahmet aida aidan aiden aileen aimee aina aino aisha aisling alain alan alana alba albert alberta
    albertina alberto albin albina aldo alejandro aleksander aleksandra alen alena alessandra alessandro alessia alessio
    alex alexa alexander alexandra alexandre alexia alexis alfons alfonso alfred alfredo ali alice alicia alida alina
    alisa alisha alison alix aliya allan allen allison alois alphonse alton alva alvaro alvin alyssa amalia amalie
    amanda amani amara amaya amelia amelie amin amina aminata amir amira amit amy amélie ana anabela ananya anas
    anastasia anaïs anders andra andre andrea andreas andreea andrei andrej andres andrew andrey andrzej andré andy
    aneta anette angela angelia angelica angelika angelina angeline angelo angie angèle anica anika anil anita anja anka
    anke anna annabella annabelle anne anneke anneli annetta annette annick annie annika anny anouk anthony antoine
    antoinette anton antonella antonia antonietta antonina antonino antonio antony anushka archie ariana ariane ariel
    arjun arlene arlette armand armando armin arnaud arne arno arnold arnulfo aron arsenio arta arthur artur arturo
    aryna ashley ashraf asif astrid atsuko audrey augusta auguste augustin augusto aurel aurelia aurelie aurelio aurora
    aurore aurélie austin ava axel ayesha ayla aylin barbara barbora barry bartosz beatrice beatrix beatriz becky
    belinda bella ben bence benedict benedikt benita benito benjamin benjamín bennie benny bente berit bernadette
    bernard bernardo bernhard bernice bert berta bertha bertram bertrand bessie beth bethany betsy bette bettie bettina
    betty beulah beverly bianca bianka bilal billie birger birgit birgitta bjorn björn blake blanca blanche blanka bobbi
    bobbie bogdan bonita boris božena bradley brandi brandon branislav branka branko brayan brenda brent brett brian
    bridget brigita brigitta brigitte britt britta brittany brittney brooke bruce bruna bruno bryan byron caitlin
    calista callie calogero calvin cameron camila camilla camille candace candice cara carin carina carine carl carla
    carlo carlos carlota carlton carmela carmelo carmen carol carola carole carolina caroline carolyn carrie carsten
    casandra casey casper cassandra cassie catarina caterina catharina catherine cathleen cathrine cathy cecelia cecil
    cecile cecilia cedric celeste celia celina celine cesar chantal charlene charles charlie charline charlotta
    charlotte charly chelsea chen cheri cherie cheryl chester chiara chidi chinedu chiyo chloe chloé chris christa
    christel christelle christi christian christiana christiane christie christin christina christine christoph
    christophe christopher christy cindy cinthia claes claire clara clarence clarice clarisa claude claudette claudia
    claudine claudio claus clayton clemens clementina cleo clifford clifton clinton clotilde clyde cody colette colin
    collette collin concetta connie connor conny constance constantin consuela consuelo cora coralie corentin corey
    corina corine corinna corinne cornel cornelia cornelius cory cosimo courtney craig cristian cristiano cristina
    cristobal curtis cynthia cyril cécile cédric céline dagmar dagny daisuke dalia dalibor damaris damian damien damir
    damjan damon dan dana dani danica daniel daniela daniele daniella danielle danijel danijela danilo danny dante dany
    daphne dara daria dario darius dariusz darko darla darlene darrell darren darryl darya daryl dave david dayana deana
    deanna debbie debora deborah debra deepak dejan delbert delia delores deloris delphine dena denis denisa denise
    dennis derek desiree devin dewi diallo diana diane dianna dianne didier diego dieter dilara dimitri dina dino dion
    dixie dmitry dmytro dolores domenico dominic dominik dominique donald donatella donato donna donnie dora doreen
    dorian dorina doris dorota dorothea dorothy dorthy doug douglas dragan dragica duane duncan dunja dustin dušan
    dwayne dwight dylan ebba eddie edgar edgard edin edison edita edith edmond edmund edna edouard eduard eduardo edvard
    edward edwin eero effie eileen einar eirik ekaterina elaine elba eldon eleanor elena eleonora elia eliana eliane
    elias elie elif elin elina eline elisa elisabet elisabeth elise eliza elizabeth elke ella ellen elli ellie elliot
    elly elma elmar elmer elna elodie eloise eloy elsa elsie elton elva elvin elvira elvis elza emanuel emeka emil emile
    emilia emiliano emilie emilio emily emin emma emmanuel emmy emre enrico enrique enzo eric erica erick erik erika
    erin erling erma erna ernest ernestina ernestine ernesto ernst ervin erwin esmeralda esperanza esra essie esteban
    estella estelle esther ethan ethel etienne etta eugen eugene eugenia eugenie eugenio eula eunice eva evan evelin
    evelina eveline evelyn evelyne everett evert evgeny evita ewa fabia fabian fabiana fabienne fabio fabiola fabrice
    fabrizio fannie farah fatima fatma fatou faye federico felicia felicitas felipe felix ferdinand fernand fernanda
    fernando filip filippa filippo filomena finn fiona flavia flavio flore florent florentina florian floriane florina
    floyd fran frances francesca francesco francine francis francisca francisco franco franjo frankie franklin frans
    franz franziska françois françoise fred freda freddie freddy frederic frederick frederik fredrick fredy freja freya
    frida frieda friedrich fritz frédéric félix gabriel gabriela gabriella gabrielle gael gaetano gail gareth garrett
    garry gary gaston gayle gaëlle gemma genevieve genoveva geoffrey georg george georges georgette georgia georgina
    gerald geraldine gerard gerardo gerd gerda gerhard germaine gert gertrud gertrude ghislain ghislaine giacomo giada
    gian giancarlo gianfranco gianluca gianna gianni gilbert gilberte gilberto gilda gilles gina ginette gino giorgio
    giovanna giovanni gisela gisèle gitte giulia giuliana giuliano giuseppe giuseppina gladys glenda glenn glenna gloria
    goldie gonzalo goran gordana gordon gracie graciela graham graziella greg gregg gregor gregory greta gretchen grete
    grigor griselda grzegorz guadalupe gudrun guido guilherme guillaume guillermo gunhild gunnar gustav gustavo gwen
    gwendolyn gülay habiba hakan halima hamza hana hanna hannah hanne hannes hans harald harold harri harriet harry
    haruka haruto harvey hasan hassan hattie heather hector hedda heidi heidy heike heinrich heinz helen helena helene
    helga helge helma helmut hendrik henning henri henrietta henriette henrik henry herbert herman hermann hertha hideo
    hilda hilde hildegard hilma hiroshi holger horace horst hortensia howard hubert hugh hugo huguette hulda hussein
    hélène ian ibrahim iga ignacio igor ilaria ilias ilie ilona ilse ilyas imelda imogene imran inaya indra ines inez
    inga inge ingeborg inger ingmar ingrid ingvild ioana irena irene irina irma irène isaac isabel isabela isabell
    isabella isabelle ismael ismail ivan ivana iveta ivica ivona ivonne jacinta jackie jacky jaclyn jacob jacqueline
    jacquelyn jacques jael jaime jake jakob jakub jamal james jamie jamil jamila jana jane janelle janet janette janice
    janie janina janine janis janko janna janne jaqueline jara jared jari jarl jaroslav jasmin jasmina jason javier
    jayden jayne jeanette jeanine jeanne jeannette jeannie jeannine jeff jeffery jeffrey jelena jenifer jenna jenni
    jennie jennifer jenny jens jeremiah jeremy jermaine jerome jerry jesper jesse jessica jessie jessy jewell jia jill
    jillian jim jimmie jimmy jiri jisoo joachim joakim joan joana joann joanna joanne joao jocelyn jocelyne jochen jodi
    jodie jody joe joel joey johan johana johann johanna johanne johannes john johnathan johnnie johnny johny jolanda
    jolanta jolene jonas jonatan jonathan jonathon joni jonna jordan jordi jorge joris jose josef josefa josefina
    josefine joseph josephine josette joshua josiane josie josip josé josée jovita joyce jozef joël joëlle juan juana
    juanita judith judy jules julia julian juliana julianna julie julien juliet juliette julijana julio julius jurgen
    justin justina justine justyna jörgen júlia kaja kamal kamala kamil kamila kaori kara karel karen kari karim karin
    karina karine karl karla karol karolina karoline karolína kasia kasim kaspar kasper kata katarina kate katharina
    katharine katherine kathleen kathrin kathryn kathy kati katia katie katja katrin katrina katy kavya kaya kayla
    kazuki kei keisha keith kelley kelli kellie kelly kelsey kelvin ken kendra kenji kenneth kenny kent kenta keri kerri
    kerry kerstin kevin khadija khaled khalid kian kiara killian kim kimberley kimberly kinga kira kirk kirsten kirstin
    kjell klara klaudia klaus klára knut kofi konrad konstantin kris krista kristen kristi kristian kristie kristijan
    kristin kristina kristine kristofer kristoffer kristy krystal krzysztof kurt kwame kyara kyle kyra lacey ladislav
    ladonna laila lambert lana lara larissa larry lars lasse laszlo latasha latifa latonya latoya laura laure lauren
    laurence laurent laurie laverne lavinia lawrence leah leana leander leandra leandro leanne leena leif leigh leila
    leire lela lena lene lenny lenora leo leola leon leona leonard leonardo leone leonie leonor leonora leontina leopold
    leopoldo leroy lesley leslie lester leticia levi lewis leyla liam liana lidia lidija lieselotte lila lili lilia
    lilian liliana liliane lilla lillian lillie lilly lina linda lindsay lindsey linh linn linnea linus lionel lisa
    lisandro lisbeth lise lisette livia livio liza lizzie ljubica ljudmila lleyton lloyd logan lois lola lolita lonnie
    lora loredana loren lorena lorene lorenza lorenzo loretta lori lorie lorin loris lorna lorraine lotte lottie louie
    louis louisa louise lourdes lowell loïc luana luca lucas lucia luciana luciano lucie lucien lucienne lucile lucille
    lucinda lucio lucy ludmila ludovic ludvig ludwig luella luigi luis luisa luka lukas lukasz luke lula lupe luther
    luís lydia lydie lyle lynda lynette lynn lynne léon mabel mable maciej madeleine madeline magali magda magdalena
    maggie magnus mahdi mahmoud mahmud maia maida maja malcolm malena malgorzata malik malika malin mamadou mamie manda
    mandy manfred manon manuel manuela mara marc marcel marcela marcelina marcella marcelle marcello marcelo marcia
    marcin marco marcos marcus marcy marek maren margaret margareta margaretha margarita margaux margie margit margo
    margot margret marguerite mari maria mariam marian mariana mariann marianna marianne mariano maribel marica marie
    mariette marija marijan marijana marika marilyn marin marina mario marion marisa marisol marissa marit marita
    maritza marius marja marjan marjorie marko markus marla marleen marlene marlon marsha marshall marta martha marthe
    martin martina martine marvin mary maryam maryann maría massimo matej mateo matheo mathew mathias mathieu mathilda
    mathilde mathis matias matilda matilde matt matteo matthew matthias matti mattia mattias mattie maud maude maura
    maureen maurice mauricio maurizio mauro mavis maxime maximilian maxine maya mayra meda megan meghan mehdi mehmet mei
    melania melanie melba melina melinda melisa melissa melvin mercedes meredith mette mia michael michaela michal
    michaël micheal michel michele micheline michelle michèle miguel mihaela mihai mika mikael mikaela mike mikhail
    mikkel mila milda mildred milena milica milka milla millie milo milos miloš milton mina mindy minerva minho minna
    minnie mira miran miranda mireille miriam mirja mirjam mirko miro miroslav miroslava mitchell mohamad mohamed
    mohammad mohammed moira mollie molly mona monica monika monique morena morgan moritz morris muhammad muriel musa
    mustafa myra myriam myrna myron mária mélanie nabil nada nadia nadine nadja najib nancy nanna naomi natacha natalia
    natalie natan natanael natascha natasha nataša nathalie nathan nathaniel neal neil nela nell nellie nelly nelson
    nenad nettie nevenka ngozi nguyen nicholas nichole nico nicola nicolas nicole nicolo niels nigel nika nikki niklas
    niko nikola nikolai nikolaj nikolas nils nina nkechi noah noelia noemi nora norah norbert norma norman nour novak
    noël noëlle nur octavia odette odile ofelia oksana olaf olav oleg olena olga oliva oliver olivia olivier ollie
    oluwaseun omar omer ondrej orlando ornella oscar oskar osman osvaldo otis ottavio ottilia otto ousmane owen pablo
    paige paloma pam pamela paola paolo pascal pascale pasquale patric patrica patrice patricia patrick patrik patrizia
    patrícia patti paul paula paulette paulina pauline paulo pavel pawel pedro peggy pekka penelope peng perla perry
    petar pete peter petra petteri philip philippe phillip philomena phoebe phyllis piero pierre pietro piotr polly
    preston priscilla priya przemyslaw putu quentin rachael rachel rachelle radovan radu rafa rafael rafaela ragna
    ragnar ragnhild rahul raisa raj ralph ramesh ramon ramona randall randi randolph raoul raphael raphaël raquel rashid
    rasmus raul rayan raymond reba rebeca rebecca rebeka rebekah regina reginald reiner reinhold ren rena renata renate
    renato rene renee renzo renáta rené renée reto reza rhonda ricardo riccardo richard rick rickey ricky rico rita
    robbie robby robert roberta roberto robyn rocco rochelle rocio roderick rodney rodolfo rodrigo roger rohan roland
    rolando rolf romain romana romeo romina romy ron ronald ronaldo ronda ronja ronnie ronny roosevelt rosa rosalia
    rosalie rosalind rosanna rosaria rosario rosemarie rosemary rosetta rosie rosina rosita ross rowan roxana roxane
    roxanne roy roza ruben rudi rudolf rudolph rudy ruediger ruslan russell ruth ryan ryszard róbert saara sabina sabine
    sabrina sacha sachin sadie sakura sallie sally salma salome salomé salvador salvatore sam samanta samantha sami
    samir samira samuel sandeep sandra sandro sanja sanjay sanna santino sara sarah saskia satoshi saverio sean
    sebastian sebastien selena selina selma serafina serena serge sergei sergio seth severin shana shane shania shanna
    shannon shari sharon shaun shauna shawn shawna sheena sheila shelby shelia shelley shelly sheri sherman sherri
    sherrie sheryl shinji shirley shreya sidney signe sigrid sigurd siiri silas silva silvana silvester silvia silvio
    simon simona simone simonne sindre siobhan sipho siti slavica slavko sloane socorro sofia sofie solange solveig
    sondra sonia sonja sonya sophia sophie soraya soren spencer stacey staci stacie stacy stan stanislav stanislava
    stanley stefan stefani stefania stefanie stefano stefanos stella sten stephan stephanie stephen steve steven stig
    stjepan stuart stéphane stéphanie sunita susan susana susann susanna susanne susie suzana suzanne svea sven svenja
    svetlana sybil sylvester sylvia sylvie szymon sára sébastien sören tabitha tahir tamara tami tamika tammie tammy
    tania tanja tanvi tanya tara taro tasha tatiana tatjana ted teddy teodor teodora terence teresa teri terrance
    terrence terri terry tessa thandi thea thelma theo theodor theodora theodore theresa therese theresia thiago thibaut
    thierry thomas thor thorsten thuy théo tiago tibor tiffany tim timea timo timothy tina tiziana tiziano tobias toby
    todd tom tomas tomasz tomislav tommy tomás toni tonia tony tonya torsten tove tracey traci tracie tracy travis
    trevor tricia trina trisha tristan trudy tuuli tyler tyrone ulla ulrich ulrike umar umberto ursula uwe valdemar
    valentin valentina valentino valentín valeria valerie valerio valter valérie vanda vanesa vanessa vasily vega velma
    vera verena verna verner vernon veronica veronika vesna vicente vicki vickie vicky victor victoria vida viktor
    viktoria vilhelm vilma vince vincent vincenza vincenzo violeta violette virgil virginia virginie vito vivek vivian
    viviana viviane vivien vivienne vlad vladimir vlado vlasta volker véronique waldemar wallace walter waltraud wanda
    wang wanjiru wayne wendell wendy werner wesley whitney wiktor wilbur wilfred wilhelm willa willard william willie
    willis willy wilma wilmer wilson wim winifred winnie wioletta wojciech wojtek wolfgang xavier xenia xiao xin yanina
    yann yannick yara yasin yasmin yasmina yasmine yassin yilmaz yolanda yolande yuki yulia yuliana yumi yuna yuri yusra
    yusuf yvan yves yvette yvonne zachary zahra zainab zakaria zara zdenka zdravko zelma zeno zeynep zheng zina zita
    zlatko zoe zoey zofia zola zoltán zora zoran zsofia zuzana zuzanna štefan
    """
)
